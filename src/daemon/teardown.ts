import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';

/** Ends one part; the signal says when to wait no longer. */
type End = (deadline: AbortSignal) => Promise<void>;

/** Parts that were started, to be ended newest first. One that fails to end does not keep the others. */
export class Teardown {
  readonly #log: Log;
  #ends: { readonly part: string; readonly end: End }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  add(part: string, end: End): void {
    this.#ends.push({ part, end });
  }

  async run(deadline: AbortSignal): Promise<void> {
    const ends = this.#ends.reverse();
    this.#ends = [];
    for (const { part, end } of ends) {
      try {
        await end(deadline);
      } catch (thrown) {
        this.#log.warn(`ending ${part}: ${toForwarderError(thrown).message}`);
      }
    }
  }
}
