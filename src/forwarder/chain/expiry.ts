import type { Clock } from '../../ports/clock.js';

/** Without a reason of ours each abort would make an error with a stack. */
const disarmed = 'disarmed';

/** Calls back once for each key at a time that may be put off; counts what is pending. */
export class Expiry {
  readonly #clock: Clock;
  readonly #pending = new Map<string, AbortController>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sets or moves the time of a key, milliseconds since the epoch. */
  arm(key: string, wallTime: number, expired: () => void): void {
    this.disarm(key);
    const controller = new AbortController();
    this.#pending.set(key, controller);
    const wait = Math.max(0, wallTime - this.#clock.wallTime());
    this.#clock.sleep(wait, controller.signal).then(
      () => {
        this.#pending.delete(key);
        expired();
      },
      () => undefined,
    );
  }

  disarm(key: string): void {
    this.#pending.get(key)?.abort(disarmed);
    this.#pending.delete(key);
  }

  disarmAll(): void {
    for (const key of [...this.#pending.keys()]) this.disarm(key);
  }

  get size(): number {
    return this.#pending.size;
  }
}
