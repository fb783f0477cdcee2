import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { JsonObject } from '../ports/json.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { Book } from './book.js';
import type { Entry, EntryId, Step } from './entry.js';

/** A point in a ledger: what was recorded later is what an unwinding to it takes back. */
export type Mark = number & { readonly __mark: never };

/** An entry that could not be undone, or had to wait because an entry above it could not. */
export interface Owed {
  readonly entry: Entry;
  /** Absent for an entry that was not tried. */
  readonly failure?: ForwarderError;
}

/** What is known of one unwinding. Steps that concern no VF are never owed: their failure is only reported. */
export interface Unwound {
  readonly failures: readonly ForwarderError[];
  /** Per VF, newest first: what is still to be undone before the VF may be given out again. */
  readonly owed: ReadonlyMap<PciAddress, readonly Owed[]>;
}

/** How one inverse is run: its own deadline, and nothing of the request that is being taken back. */
export type Attempt = (entry: Entry) => Promise<void>;

/** What all ledgers of a process share. */
export interface Undoing {
  readonly book: Book;
  readonly attempt: Attempt;
  /** Takes over what could not be undone. */
  readonly admit: (owed: Unwound['owed']) => void;
}

/**
 * What one connection has done to the world, oldest first.
 *
 * - A step is on record before its effect begins, so whatever happens in between, the end of the process included, it is
 *   known. It goes off the record when it is undone, not when its undoing begins.
 * - A failed request unwinds to its mark; closing unwinds everything. There is no other clean-up code.
 * - Newest first; an inverse that fails does not stop the others, but older steps of the same VF wait for it.
 * - Undoing never replaces the error that caused it.
 */
export class Ledger {
  readonly #undoing: Undoing;
  /** VFs of which something is owed already: whatever older steps of theirs are still here wait as well. */
  readonly #waiting = new Set<PciAddress>();
  readonly #connection: string;
  #entries: Entry[];
  #lastId: EntryId;

  /** @param entries - what a former process has recorded for this connection, oldest first */
  constructor(connection: string, undoing: Undoing, entries: readonly Entry[] = []) {
    this.#connection = connection;
    this.#undoing = undoing;
    this.#entries = [...entries];
    this.#lastId = entries.at(-1)?.id ?? (0 as EntryId);
  }

  /** Oldest first. */
  entries(): readonly Entry[] {
    return this.#entries;
  }

  mark(): Mark {
    return this.#lastId as number as Mark;
  }

  /**
   * Records the step, then runs its effect. The entry stays whether the effect succeeds or fails.
   *
   * @returns what the effect returns
   * @throws ForwarderError `exhausted` when the step cannot be recorded: nothing has happened then
   */
  async perform<T>(step: Step, effect: (id: EntryId) => Promise<T>): Promise<T> {
    const id = this.#undoing.book.nextId();
    const entry: Entry = { ...step, id, connection: this.#connection, state: 'begun' };
    this.#undoing.book.begin(entry);
    this.#lastId = id;
    this.#entries.push(entry);
    const result = await effect(id);
    this.#replace(id, (entry) => ({ ...entry, state: 'done' }));
    return result;
  }

  /** Adds what is known only after the effect began, such as the new index of a moved netdev. */
  amend(id: EntryId, args: JsonObject): void {
    this.#replace(id, (entry) => ({ ...entry, args: { ...entry.args, ...args } }));
  }

  /** The newest entry of a kind. */
  find(kind: string): Entry | undefined {
    return this.#entries.findLast((entry) => entry.kind === kind);
  }

  /** Undoes some entries ahead of their turn, newest first, as when a netdev has to come home and stay claimed. */
  async release(wanted: (entry: Entry) => boolean): Promise<Unwound> {
    return this.#undo(this.#take(wanted));
  }

  /** Undoes everything recorded after the mark, newest first; without a mark, everything. */
  async unwind(to: Mark = 0 as Mark): Promise<Unwound> {
    return this.#undo(this.#take((entry) => (entry.id as number) > to));
  }

  /** Drops an entry whose effect is known not to have happened, such as a call that the peer refused. */
  forget(id: EntryId): void {
    for (const entry of this.#take((it) => it.id === id)) this.#undoing.book.erase(entry);
  }

  /** Forgets entries that an older one covers. To be called when a request has succeeded. */
  settle(): void {
    const ids = new Set(this.#entries.map((entry) => entry.id));
    const settled = (entry: Entry) => entry.coveredBy !== undefined && ids.has(entry.coveredBy);
    for (const entry of this.#take(settled)) this.#undoing.book.erase(entry);
  }

  #replace(id: EntryId, change: (entry: Entry) => Entry): void {
    this.#entries = this.#entries.map((entry) => {
      if (entry.id !== id) return entry;
      const changed = change(entry);
      this.#undoing.book.change(changed);
      return changed;
    });
  }

  #take(wanted: (entry: Entry) => boolean): Entry[] {
    const taken = this.#entries.filter(wanted);
    this.#entries = this.#entries.filter((entry) => !wanted(entry));
    return taken.reverse();
  }

  async #undo(newestFirst: readonly Entry[]): Promise<Unwound> {
    const unwound = await undoAll(newestFirst, this.#undoing, this.#waiting);
    for (const address of unwound.owed.keys()) {
      // With its last entry gone the VF is out of this ledger's hands: when it comes back some day, it is another story.
      if (this.#entries.some((entry) => entry.function === address)) this.#waiting.add(address);
      else this.#waiting.delete(address);
    }
    if (unwound.owed.size > 0) this.#undoing.admit(unwound.owed);
    return unwound;
  }
}

/**
 * Undoes entries in the order given; each goes off the record when it is undone, or when nobody owes it.
 *
 * @param waiting - VFs whose entries are not tried, because newer ones of theirs are still owed
 */
export async function undoAll(
  newestFirst: readonly Entry[],
  { attempt, book }: Pick<Undoing, 'attempt' | 'book'>,
  waiting: ReadonlySet<PciAddress> = new Set(),
): Promise<Unwound> {
  const failures: ForwarderError[] = [];
  const owed = new Map<PciAddress, Owed[]>();
  const together = new Set(newestFirst.map((entry) => entry.id));
  const owe = (address: PciAddress, it: Owed) => owed.set(address, [...(owed.get(address) ?? []), it]);
  const undo = async (entry: Entry) => {
    const failure = await outcome(entry, attempt);
    if (failure !== undefined) failures.push(failure);
    if (failure === undefined || entry.function === undefined) book.erase(entry);
    else owe(entry.function, { entry, failure });
  };
  for (const entry of newestFirst) {
    const { function: address, coveredBy } = entry;
    if (coveredBy !== undefined && together.has(coveredBy)) continue;
    if (address !== undefined && (owed.has(address) || waiting.has(address))) owe(address, { entry });
    else await undo(entry);
  }
  return { failures, owed };
}

async function outcome(entry: Entry, attempt: Attempt): Promise<ForwarderError | undefined> {
  try {
    await attempt(entry);
    return undefined;
  } catch (thrown) {
    const error = toForwarderError(thrown);
    return new ForwarderError(error.kind, `could not undo ${entry.kind}: ${error.message}`, {
      cause: error,
      details: { kind: entry.kind, ...(entry.function && { function: entry.function }) },
    });
  }
}
