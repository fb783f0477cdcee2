import type { Deadline } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';

/** Calls back once, `ms` milliseconds from now, unless the returned function takes it back first. */
export type Arm = (ms: number, ring: () => void) => () => void;

/** {@link Clock.alarm} over any timer. */
export function alarm(arm: Arm, ms: number, ring: () => void): Disposable {
  return { [Symbol.dispose]: arm(ms, ring) };
}

/** {@link Clock.sleep} over any timer. */
export function sleep(arm: Arm, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = () => {
      const message = `a wait of ${ms} ms was cancelled`;
      reject(new ForwarderError('cancelled', message, { cause: signal?.reason }));
    };
    if (signal?.aborted) {
      cancelled();
      return;
    }
    const leave = () => {
      disarm();
      cancelled();
    };
    const disarm = arm(ms, () => {
      signal?.removeEventListener('abort', leave);
      resolve();
    });
    signal?.addEventListener('abort', leave, { once: true });
  });
}

/**
 * {@link Clock.deadline} over any timer. Listeners are kept by hand: a signal of AbortSignal.any stays with its parents,
 * which live as long as the daemon, until somebody collects garbage.
 */
export function deadline(
  arm: Arm,
  { what, ms }: { readonly what: string; readonly ms: number },
  parents: readonly AbortSignal[],
): Deadline {
  const own = new AbortController();
  const undo: (() => void)[] = [];
  const free = () => {
    for (const step of undo.splice(0)) step();
  };
  const abort = (reason: unknown) => {
    free();
    own.abort(reason);
  };
  const aborted = parents.find((parent) => parent.aborted);
  if (aborted !== undefined) abort(aborted.reason);
  else {
    for (const parent of parents) undo.push(follow(parent, abort));
    undo.push(arm(ms, () => abort(new ForwarderError('timed-out', `${what} took longer than ${ms} ms`))));
  }
  return { signal: own.signal, [Symbol.dispose]: free };
}

function follow(parent: AbortSignal, abort: (reason: unknown) => void): () => void {
  const fired = () => abort(parent.reason);
  parent.addEventListener('abort', fired, { once: true });
  return () => parent.removeEventListener('abort', fired);
}
