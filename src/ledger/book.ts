import type { Journal } from '../ports/journal.js';
import type { JsonObject } from '../ports/json.js';
import type { Entry, EntryId } from './entry.js';

const prefix = 'entry/';

/**
 * The entries of all ledgers as they stand in the journal. A step is there before its effect begins; how it went on is
 * noted after it happened, and cannot be refused any more. That may come too late when the process ends: a start looks
 * how far a step got anyway, and undoes twice what was undone.
 */
export class Book {
  readonly #journal: Journal;
  /** Entries that are gone when another one is: they are undone with it. */
  readonly #covered = new Map<EntryId, Set<EntryId>>();
  #lastId = 0;

  /** Goes on where the journal ends: no number is given twice. */
  constructor(journal: Journal) {
    this.#journal = journal;
    for (const entry of this.#all()) {
      this.#lastId = Math.max(this.#lastId, entry.id);
      this.#cover(entry);
    }
  }

  nextId(): EntryId {
    this.#lastId += 1;
    return this.#lastId as EntryId;
  }

  /** @throws ForwarderError `exhausted` when it cannot be written: its effect must not begin */
  begin(entry: Entry): void {
    this.#journal.write([{ key: keyOf(entry.id), value: written(entry) }]);
    this.#cover(entry);
  }

  /** The entry went on: its effect is done, or more is known of it. */
  change(entry: Entry): void {
    this.#journal.note([{ key: keyOf(entry.id), value: written(entry) }], 'soon');
  }

  /** The entry is undone, and with it all that it covers; or its effect is known not to have happened. */
  erase({ id, coveredBy }: Entry): void {
    const gone = [id, ...(this.#covered.get(id) ?? [])];
    this.#covered.delete(id);
    if (coveredBy !== undefined) this.#covered.get(coveredBy)?.delete(id);
    this.#journal.note(
      gone.map((each) => ({ key: keyOf(each) })),
      'soon',
    );
  }

  /** All entries on record by connection, oldest first. */
  byConnection(): ReadonlyMap<string, readonly Entry[]> {
    const found = new Map<string, Entry[]>();
    for (const entry of this.#all().sort((a, b) => a.id - b.id)) {
      const known = found.get(entry.connection);
      if (known === undefined) found.set(entry.connection, [entry]);
      else known.push(entry);
    }
    return found;
  }

  #all(): Entry[] {
    return [...this.#journal.records()].flatMap(([key, value]) =>
      key.startsWith(prefix) ? [value as unknown as Entry] : [],
    );
  }

  #cover({ id, coveredBy }: Entry): void {
    if (coveredBy === undefined) return;
    const known = this.#covered.get(coveredBy);
    if (known === undefined) this.#covered.set(coveredBy, new Set([id]));
    else known.add(id);
  }
}

function keyOf(id: EntryId): string {
  return `${prefix}${id}`;
}

/** Plain data already; the cast only drops the interface's missing index signature. */
function written(entry: Entry): JsonObject {
  return entry as unknown as JsonObject;
}
