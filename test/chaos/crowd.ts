import { setMaxListeners } from 'node:events';
import type { RestlessClient } from './restless-client.js';

/** Clients that work all at once, and rest all at once. */
export class Crowd implements Disposable {
  readonly members: readonly RestlessClient[];
  readonly #end = new AbortController();
  #rest = new AbortController();
  #work: Promise<unknown> = Promise.resolve();

  constructor(members: readonly RestlessClient[]) {
    this.members = members;
    setMaxListeners(0, this.#end.signal);
  }

  /** How many of their calls have succeeded. */
  get served(): number {
    return this.members.reduce((sum, { served }) => sum + served, 0);
  }

  /** Sends all of them to work. */
  start(): void {
    this.#rest = new AbortController();
    const { signal } = this.#rest;
    setMaxListeners(0, signal);
    this.#work = Promise.all(this.members.map((member) => member.work(signal, this.#end.signal)));
    this.#work.catch(() => undefined);
  }

  /**
   * Resolves when each has brought to its end what it was doing: none of them waits for an answer any more.
   *
   * @throws Error when the signal fires first, with what those do that are not done
   */
  async settle(signal: AbortSignal): Promise<void> {
    this.#rest.abort();
    await this.#within(signal, this.#work);
  }

  /** All of them leave. */
  async closeAll(signal: AbortSignal): Promise<void> {
    await this.#within(signal, Promise.all(this.members.map((member) => member.close(this.#end.signal))));
  }

  /** What was refused to them, by what was said. */
  refusals(): ReadonlyMap<string, number> {
    const all = new Map<string, number>();
    for (const { refusals } of this.members) {
      for (const [text, count] of refusals) all.set(text, (all.get(text) ?? 0) + count);
    }
    return all;
  }

  [Symbol.dispose](): void {
    this.#rest.abort();
    this.#end.abort();
  }

  async #within(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
    const late = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error(`clients are not done in time:\n${this.members.map(({ doing }) => doing).join('\n')}`));
      });
    });
    await Promise.race([work, late]);
  }
}
