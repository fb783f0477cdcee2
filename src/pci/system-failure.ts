import { type ErrorKind, ForwarderError, toForwarderError } from '../ports/error.js';
import { errnoOf } from './errno.js';

/** What an errno of one particular system call means to a person. */
export interface FailureMeaning {
  readonly kind: ErrorKind;
  readonly rule: string;
}

/** Meanings by the name of the errno. */
export type FailureMeanings = Readonly<Record<string, FailureMeaning>>;

const commonMeanings: FailureMeanings = {
  EACCES: { kind: 'denied', rule: 'this process may not: it needs root and a writable /sys' },
  EPERM: { kind: 'denied', rule: 'the kernel forbids it to this process' },
  EROFS: { kind: 'denied', rule: '/sys is mounted read-only: mount it writable into the pod' },
};

/**
 * A failed attempt as a ForwarderError that says what was tried, the errno, and what that means here. One that is a
 * ForwarderError already stays the same object.
 */
export function systemFailure(attempt: string, thrown: unknown, meanings: FailureMeanings = {}): ForwarderError {
  if (thrown instanceof ForwarderError) return thrown;
  const errno = errnoOf(thrown);
  const meaning = errno === undefined ? undefined : (meanings[errno] ?? commonMeanings[errno]);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (meaning === undefined) {
    return new ForwarderError(toForwarderError(thrown).kind, `${attempt}: ${message}`, {
      cause: thrown,
      details: { errno },
    });
  }
  return new ForwarderError(meaning.kind, `${attempt}: ${meaning.rule} (${errno})`, {
    cause: thrown,
    details: { errno },
  });
}
