import { alarm, deadline, sleep } from '../../src/clock/timed-waits.js';
import type { Clock, Deadline } from '../../src/ports/clock.js';

interface Timer {
  readonly due: number;
  readonly ring: () => void;
}

/** A clock that only a test turns. Equal due times ring in the order in which they were set. */
export class SimClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #epoch: number;
  #now = 0;

  /** @param epoch wall time at the start, in milliseconds */
  constructor(epoch = Date.UTC(2030, 0, 1)) {
    this.#epoch = epoch;
  }

  /** Timers that still wait: what is left after a test is a leak. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#epoch + this.#now;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(this.#arm, ms, signal);
  }

  alarm(ms: number, ring: () => void): Disposable {
    return alarm(this.#arm, ms, ring);
  }

  deadline(what: string, ms: number, ...parents: AbortSignal[]): Deadline {
    return deadline(this.#arm, { what, ms }, parents);
  }

  /** Lets time pass: each timer rings at its own time, and what it wakes runs before the next one does. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await wokenRan();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#ring(timer);
      await wokenRan();
    }
    this.#now = end;
  }

  /**
   * Lets as much time pass as the promise needs, jumping from timer to timer, and hands back its outcome.
   *
   * @throws Error when nothing is left to ring, or `limit` milliseconds have passed, and it is still pending
   */
  async advanceUntil<T>(promise: Promise<T>, limit = 3_600_000): Promise<T> {
    const end = this.#now + limit;
    const state = { settled: false };
    const done = () => {
      state.settled = true;
    };
    promise.then(done, done);
    await wokenRan();
    while (!state.settled) {
      const timer = this.#next(end);
      if (timer === undefined) throw new Error(`still pending at ${this.#now} ms, and no timer rings before ${end} ms`);
      this.#ring(timer);
      await wokenRan();
    }
    return promise;
  }

  #next(end: number): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }

  #ring(timer: Timer): void {
    this.#now = Math.max(this.#now, timer.due);
    this.#timers.delete(timer);
    timer.ring();
  }

  readonly #arm = (ms: number, ring: () => void) => {
    const timer = { due: this.#now + Math.max(0, ms), ring };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  };
}

/** All microtasks run before an immediate does. */
function wokenRan(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
