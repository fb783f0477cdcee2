import { ForwarderError } from '../../src/ports/error.js';
import type { Journal, JournalChange } from '../../src/ports/journal.js';
import type { JsonObject } from '../../src/ports/json.js';
import type { CallGate } from './call-gate.js';

/** What outlives a process: the records as they are on the disk, in JSON. */
export type JournalDisk = Map<string, string>;

/**
 * {@link Journal} of one process; the next one is made from the same disk. Each `write` and `note` is a call of the node,
 * named after its keys (`journal.write entry/1 entry/2`), and meets its fault there:
 *
 * - `before`, `hang`: nothing can be written. A write is refused as `exhausted`, a note is kept for later.
 * - `after`, `hang-after`: the same, but what could not be written in full could not be cut off again either: a successor
 *   finds it on the disk, until the next write puts that right.
 * - `crash`, `crash-after`: the process ends with the disk as it was, or with the changes on it.
 */
export class SimJournal implements Journal {
  readonly #gate: CallGate;
  readonly #disk: JournalDisk;
  /** What this process knows to be on record, whatever the disk has. */
  readonly #memory: JournalDisk;
  /** The disk is not, or may not be, as the memory is. */
  #apart = false;

  constructor(gate: CallGate, disk: JournalDisk) {
    this.#gate = gate;
    this.#disk = disk;
    this.#memory = new Map(disk);
  }

  records(): ReadonlyMap<string, JsonObject> {
    return new Map([...this.#memory].map(([key, text]) => [key, JSON.parse(text) as JsonObject]));
  }

  write(changes: readonly JournalChange[]): void {
    const written = this.#put('journal.write', changes);
    if (written === undefined) throw new Error('journal.write: the process has crashed');
    if (!written) throw new ForwarderError('exhausted', 'the journal cannot be written: made to fail');
    apply(this.#memory, changes);
  }

  /** What is for soon is written at once: that is soon. */
  note(changes: readonly JournalChange[]): void {
    this.#put('journal.note', changes);
    apply(this.#memory, changes);
  }

  /** @returns whether the disk took the changes, and with them all that it did not take before; see {@link CallGate.callKnowing} */
  #put(name: string, changes: readonly JournalChange[]): boolean | undefined {
    const called = [name, ...changes.map(({ key }) => key)].join(' ');
    return this.#gate.callKnowing(called, (fault) => {
      const taken = fault !== 'before' && fault !== 'hang';
      if (taken && this.#apart) this.#restore();
      if (taken) apply(this.#disk, changes);
      this.#apart = fault !== undefined;
      return fault === undefined;
    });
  }

  #restore(): void {
    this.#disk.clear();
    for (const [key, text] of this.#memory) this.#disk.set(key, text);
  }
}

function apply(records: JournalDisk, changes: readonly JournalChange[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) records.delete(key);
    else records.set(key, JSON.stringify(value));
  }
}
