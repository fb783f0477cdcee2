import { toForwarderError } from '../../ports/error.js';

/** One job at a time for each key, in order of arrival; different keys do not wait for each other. */
export class Queues {
  readonly #tails = new Map<string, Promise<unknown>>();

  /**
   * Runs the job when all earlier ones of its key have ended. A caller that aborts while it waits leaves the queue; a
   * running job is never abandoned.
   *
   * @throws what the job throws, or the signal's reason when it aborts before the job began
   */
  async run<T>(key: string, job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#tails.get(key);
    const turn = this.#turn(before, job, signal);
    const tail = Promise.allSettled([before, turn]);
    this.#tails.set(key, tail);
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return turn;
  }

  /** Number of keys with work. */
  get size(): number {
    return this.#tails.size;
  }

  async #turn<T>(
    before: Promise<unknown> | undefined,
    job: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    if (before !== undefined) await unlessAborted(before, signal);
    if (signal?.aborted) throw toForwarderError(signal.reason);
    return job();
  }
}

async function unlessAborted(wait: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    await wait;
    return;
  }
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<void>((resolve) => {
    onAbort = () => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    if (!signal.aborted) await Promise.race([wait, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}
