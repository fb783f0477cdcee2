import { Slots } from './slots.js';

/** One at a time for each name; different names do not wait for each other. */
export class Turns {
  readonly #lines = new Map<string, Slots>();

  /** Waits for the name's turn, which ends when what it returns is disposed. @throws the signal's reason */
  async take(name: string, signal: AbortSignal): Promise<Disposable> {
    const line = this.#lines.get(name) ?? new Slots(1);
    this.#lines.set(name, line);
    const turn = await line.take(signal);
    return {
      [Symbol.dispose]: () => {
        turn[Symbol.dispose]();
        if (line.unused) this.#lines.delete(name);
      },
    };
  }
}
