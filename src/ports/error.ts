import { shortText } from './short-text.js';

/**
 * The closed set of ways in which anything here can fail.
 *
 * - `invalid`: the input breaks a rule; the message names the value and the rule.
 * - `not-found`, `exists`, `busy`: the named thing is missing, taken, or in use by somebody else.
 * - `refused`: the request is well formed but the state forbids it (a token that was never allocated).
 * - `denied`, `unauthenticated`: the caller or this process lacks the right.
 * - `unsupported`: this node, kernel or build cannot do it.
 * - `exhausted`: there is none left (no free VF).
 * - `timed-out`, `cancelled`: the deadline passed or the caller left. The outcome may be unknown.
 * - `unavailable`: a peer cannot be reached right now.
 * - `unknown`: everything else; the cause tells.
 */
export type ErrorKind =
  | 'invalid'
  | 'not-found'
  | 'exists'
  | 'busy'
  | 'refused'
  | 'denied'
  | 'unauthenticated'
  | 'unsupported'
  | 'exhausted'
  | 'timed-out'
  | 'cancelled'
  | 'unavailable'
  | 'unknown';

/** Structured facts about a failure, for logs and tests; never secrets. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** Whatever value a message names; a hundred mistakes in one file fit. */
const longestMessage = 16_000;

/** The one error class. Its message is for people: it names the value and the rule, and is cut where it is far too long. */
export class ForwarderError extends Error {
  override readonly name = 'ForwarderError';
  readonly kind: ErrorKind;
  readonly details: ErrorDetails;
  /** Undo steps that failed while this error was being rolled back; the VF they concern is in quarantine. */
  readonly undoFailures: readonly ForwarderError[];

  constructor(
    kind: ErrorKind,
    message: string,
    more: { cause?: unknown; details?: ErrorDetails; undoFailures?: readonly ForwarderError[] } = {},
  ) {
    super(shortText(message, longestMessage), more.cause === undefined ? undefined : { cause: more.cause });
    this.kind = kind;
    this.details = more.details ?? {};
    this.undoFailures = more.undoFailures ?? [];
  }
}

/** Anything thrown, as a {@link ForwarderError}; one that already is stays the same object. */
export function toForwarderError(thrown: unknown): ForwarderError {
  if (thrown instanceof ForwarderError) return thrown;
  if (thrown instanceof Error) {
    const kind = thrown.name === 'AbortError' ? 'cancelled' : thrown.name === 'TimeoutError' ? 'timed-out' : 'unknown';
    return new ForwarderError(kind, thrown.message, { cause: thrown });
  }
  return new ForwarderError('unknown', String(thrown), { cause: thrown });
}
