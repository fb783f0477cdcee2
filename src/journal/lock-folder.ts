import fs, { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { tryLock } from '../native/file-lock.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { findLockHolder, type LockedFile } from './lock-holder.js';
import { makeFolder } from './make-folder.js';

export interface LockOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  /** How long to wait for another process to end, in milliseconds. */
  readonly patienceMs: number;
}

/** Between two looks at a lock that is taken. */
const pauseMs = 100;

/**
 * Locks the state folder for this process, until it is disposed or the process ends, however it ends. The lock is on the
 * folder itself, so nothing is written, and children do not inherit it. The folder is made where it is missing.
 *
 * @throws ForwarderError `busy` when another process keeps it for longer than that, `cancelled` when the signal fires,
 * `unavailable` when the folder cannot be made, opened or locked
 */
export async function lockFolder(folder: string, options: LockOptions): Promise<Disposable> {
  const { clock, log, signal, patienceMs } = options;
  const begin = clock.now();
  for (let waiting = false; ; waiting = true) {
    const attempt = lockNow(folder);
    if (attempt.kind === 'ours') return attempt.lock;
    const left = begin + patienceMs - clock.now();
    if (left <= 0) throw stillBusy(folder, describeHolder(attempt), patienceMs);
    if (!waiting) {
      const holder = describeHolder(attempt);
      log.warn(`the state folder ${folder} is locked by ${holder}: waiting for it to end`, { patienceMs });
    }
    await pause(clock, Math.min(pauseMs, left), { folder, signal });
  }
}

type Attempt =
  | { readonly kind: 'ours'; readonly lock: Disposable }
  | ({ readonly kind: 'taken' } & LockedFile)
  /** The folder that was opened was removed meanwhile; another may have its name. */
  | { readonly kind: 'gone' };

function lockNow(folder: string): Exclude<Attempt, { kind: 'gone' }> {
  try {
    for (;;) {
      makeFolder(fs, folder);
      const attempt = lockOpened(folder, openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY));
      if (attempt.kind !== 'gone') return attempt;
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ForwarderError('unavailable', `cannot lock the state folder ${folder}: ${why}`, { cause });
  }
}

/** Keeps the descriptor open only with the lock. */
function lockOpened(folder: string, fd: number): Attempt {
  let held = false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (!tryLock(fd)) return { kind: 'taken', dev, ino };
    const named = statSync(folder, { bigint: true, throwIfNoEntry: false });
    if (named?.ino !== ino || named.dev !== dev) return { kind: 'gone' };
    held = true;
    return { kind: 'ours', lock: closingOnce(fd) };
  } finally {
    if (!held) closeSync(fd);
  }
}

/** A second disposal must not close a descriptor that has the number by then. */
function closingOnce(fd: number): Disposable {
  let open = true;
  return {
    [Symbol.dispose]: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

function describeHolder(file: LockedFile): string {
  return findLockHolder(file) ?? 'a process that cannot be seen from here, perhaps in another container';
}

async function pause(
  clock: Clock,
  ms: number,
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (cause) {
    throw new ForwarderError('cancelled', `waiting for the lock of the state folder ${folder} was cancelled`, {
      cause,
    });
  }
}

function stillBusy(folder: string, holder: string, patienceMs: number): ForwarderError {
  const rule = 'only one forwarder may run on a node: end that one, or wait until its pod is gone';
  const message = `the state folder ${folder} is still locked by ${holder} after ${patienceMs} ms: ${rule}`;
  return new ForwarderError('busy', message, { details: { folder, holder } });
}
