import { alarm, deadline, sleep } from '../../src/clock/timed-waits.js';
import type { Clock, Deadline } from '../../src/ports/clock.js';
import type { SimClock } from '../sim/clock.js';

/** The clock as one process has it: its timers end with it, and ring for nobody any more. */
export class ProcessClock implements Clock {
  readonly #clock: SimClock;
  readonly #ended: AbortSignal;
  readonly #armed = new Set<AbortController>();

  constructor(clock: SimClock, ended: AbortSignal) {
    this.#clock = clock;
    this.#ended = ended;
    const stop = () => {
      for (const timer of this.#armed) timer.abort();
      this.#armed.clear();
    };
    ended.addEventListener('abort', stop, { once: true });
  }

  now(): number {
    return this.#clock.now();
  }

  wallTime(): number {
    return this.#clock.wallTime();
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

  readonly #arm = (ms: number, ring: () => void) => {
    const timer = new AbortController();
    const disarm = () => {
      if (this.#armed.delete(timer)) timer.abort();
    };
    if (this.#ended.aborted) return disarm;
    this.#armed.add(timer);
    this.#clock.sleep(ms, timer.signal).then(
      () => {
        if (this.#armed.delete(timer)) ring();
      },
      () => undefined, // disarmed
    );
    return disarm;
  };
}
