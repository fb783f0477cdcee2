/** Numbers that look random and are the same again for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 on, smaller than the limit. */
  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  /** True in this part of all cases. */
  chance(part: number): boolean {
    return this.#next() < part;
  }

  /** Another sequence, which goes on whatever becomes of this one. */
  fork(): Random {
    return new Random(this.below(2 ** 32));
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** The seed of this run: that of the environment (CHAOS_SEED) to see an earlier run again, else a new one. */
export function seedOfThisRun(): number {
  const given = process.env['CHAOS_SEED'];
  if (given === undefined) return Date.now() % 2 ** 32;
  const seed = Number(given);
  if (Number.isInteger(seed)) return seed;
  throw new Error(`CHAOS_SEED is ${JSON.stringify(given)}: expected an integer`);
}
