import type { EntryId } from '../../ledger/entry.js';

interface Change<T> {
  readonly original: T;
  readonly holders: Set<EntryId>;
}

/**
 * Changes of the world on which several connections rely, each by an entry of its own: the first one makes the change,
 * the last one takes it back to what was there before the first.
 */
export class SharedChanges<T> {
  readonly #changes = new Map<string, Change<T>>();
  readonly #turns = new Map<string, Promise<unknown>>();

  /** What was there before anybody made the change; undefined when nobody has. */
  original(key: string): { readonly value: T } | undefined {
    const change = this.#changes.get(key);
    return change && { value: change.original };
  }

  /** The entry relies on the change from now on. What the first one found stays the original. */
  hold(key: string, holder: EntryId, original: T): void {
    const known = this.#changes.get(key);
    if (known === undefined) this.#changes.set(key, { original, holders: new Set([holder]) });
    else known.holders.add(holder);
  }

  /** True when no other entry relies on the change. */
  isLast(key: string, holder: EntryId): boolean {
    const holders = this.#changes.get(key)?.holders ?? new Set();
    return holders.size === 0 || (holders.size === 1 && holders.has(holder));
  }

  drop(key: string, holder: EntryId): void {
    const change = this.#changes.get(key);
    change?.holders.delete(holder);
    if (change?.holders.size === 0) this.#changes.delete(key);
  }

  /** Runs work that looks who relies on what and then changes it, one such piece after the other for each name. */
  async inTurn<R>(name: string, work: () => Promise<R>): Promise<R> {
    const mine = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const ended = mine.catch(() => undefined);
    this.#turns.set(name, ended);
    try {
      return await mine;
    } finally {
      if (this.#turns.get(name) === ended) this.#turns.delete(name);
    }
  }

  /** Number of changes that somebody relies on. */
  get size(): number {
    return this.#changes.size;
  }
}
