import type { Clock } from '../../ports/clock.js';

/** Calls back once for each key at a time that may be put off; counts what is pending. */
export class Expiry {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Disposable>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets or moves the time of a key, milliseconds since the epoch. */
  arm(key: string, wallTime: number, expired: () => void): void {
    this.disarm(key);
    const ring = () => {
      this.#pending.delete(key);
      expired();
    };
    this.#pending.set(key, this.#clock.alarm(Math.max(0, wallTime - this.#clock.wallTime()), ring));
  }

  disarm(key: string): void {
    this.#pending.get(key)?.[Symbol.dispose]();
    this.#pending.delete(key);
  }

  disarmAll(): void {
    for (const key of [...this.#pending.keys()]) this.disarm(key);
  }

  get size(): number {
    return this.#pending.size;
  }
}
