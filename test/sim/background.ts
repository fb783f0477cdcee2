import type { Turn } from './turn.js';

/** What the kernel does by itself, some time after its cause: a namespace ends, a driver registers its netdev. */
export class Background {
  readonly #turn: Turn;
  readonly #pending = new Set<Promise<void>>();

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  /** Does this when its turn comes. */
  start(name: string, effect: () => void): void {
    const work = this.#turn(name)
      .then(effect)
      .finally(() => this.#pending.delete(work));
    this.#pending.add(work);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}
