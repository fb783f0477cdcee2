import type { Scheduler } from 'fast-check';
import type { SimClock } from '../sim/clock.js';

/** How much time passes when nobody can go on, ms: less than any deadline. */
const stepMs = 100;

/** Runs a world whose turns a fast-check scheduler deals out: time passes only when there is no turn to deal. */
export class Dealer {
  readonly #scheduler: Scheduler;
  readonly #clock: SimClock;

  constructor(scheduler: Scheduler, clock: SimClock) {
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /**
   * Deals until the work is done, and hands back its outcome.
   *
   * @throws Error when it is not done within two hours
   */
  async until<T>(work: Promise<T>): Promise<T> {
    const end = this.#clock.now() + 7_200_000;
    const state = { settled: false };
    const done = () => {
      state.settled = true;
    };
    work.then(done, done);
    await allRan();
    while (!state.settled) {
      if (!(await this.#deal())) await this.#clock.advance(stepMs);
      if (this.#clock.now() > end) throw new Error('still under way after two hours');
      await allRan();
    }
    return work;
  }

  /** Lets time pass, dealing all turns there are before each step. */
  async pass(ms: number, step: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += step) {
      await this.drain();
      await this.#clock.advance(step);
    }
    await this.drain();
  }

  /** Deals until nobody waits for a turn. */
  async drain(): Promise<void> {
    await allRan();
    while (await this.#deal()) await allRan();
  }

  async #deal(): Promise<boolean> {
    if (this.#scheduler.count() === 0) return false;
    await this.#scheduler.waitOne();
    return true;
  }
}

/** All microtasks run before an immediate does. */
function allRan(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
