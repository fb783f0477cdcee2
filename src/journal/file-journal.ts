import type { ForwarderError } from '../ports/error.js';
import type { Journal, JournalChange } from '../ports/journal.js';
import type { JsonObject } from '../ports/json.js';
import type { Log } from '../ports/log.js';
import type { Contents } from './contents.js';
import type { Place } from './file-calls.js';
import type { History } from './history.js';
import { JournalFile } from './journal-file.js';
import { keepAside } from './keep-aside.js';
import { type Found, longest } from './read-journal.js';
import { writeRefusal } from './refusal.js';

/**
 * The file is written anew, with only what counts, when it has more changes than this and three for each record. Since
 * the last time there were at least 2000 then, and one for each record that is written: the cost of a change is bounded.
 */
const slack = 4000;
const changesPerRecord = 3;

/** And when so many bytes were added to it, and twice what it had; early enough when it is near the longest of all. */
const byteSlack = 16 * 1024 * 1024;

/** So many notes go into one batch: one line, and on a full disk one attempt. */
const notesPerBatch = 64;

/**
 * {@link Journal} in a file that is read only at the start: memory has all of it, and whatever becomes of the file, it
 * is written anew from memory as soon as that can be done.
 */
export class FileJournal implements Journal, Disposable {
  readonly #place: Place;
  readonly #log: Log | undefined;
  readonly #contents: Contents;
  #history: History;
  /** The other name under which the file is to be kept that is there. */
  #keepAs: string | undefined;
  /** Undefined: a new file must take the place of whatever is there before anything is on record. */
  #file: JournalFile | undefined;
  /** Batches that were noted and count among the contents, but are not in the file. */
  #unwritten: (readonly JournalChange[])[] = [];
  /** Will write them at the end of the turn. */
  #soon: NodeJS.Immediate | undefined;
  #compactFrom = 0;
  #compactFromBytes = 0;
  #failing = false;
  #closed = false;

  /** Takes over what was found. A folder that cannot be written is no error, only a line of the log. */
  constructor(place: Place, found: Found, log?: Log) {
    this.#place = place;
    this.#log = log;
    this.#contents = found.contents;
    this.#history = found.history;
    this.#keepAs = found.keepAs;
    this.#try(() => {
      if (found.resumable === undefined) this.#writeAnew(found.contents);
      else this.#file = JournalFile.resume(place, found.resumable);
    });
  }

  records(): ReadonlyMap<string, JsonObject> {
    return new Map(this.#contents.records);
  }

  write(changes: readonly JournalChange[]): void {
    const refusal = this.#try(() => this.#save(changes, () => this.#contents.with(changes)));
    if (refusal !== undefined) throw refusal;
    this.#contents.apply(changes);
    this.#compact();
  }

  note(changes: readonly JournalChange[], when: 'now' | 'soon' = 'now'): void {
    this.#contents.apply(changes);
    if (changes.length > 0) this.#unwritten.push(changes);
    if (when === 'now') this.#writeNotes();
    else this.#soon ??= setImmediate(() => this.#endOfTurn());
  }

  #endOfTurn(): void {
    this.#soon = undefined;
    if (this.#unwritten.length > 0) this.#writeNotes();
  }

  #writeNotes(): void {
    if (this.#try(() => this.#save([], () => this.#contents)) === undefined) this.#compact();
    else this.#boundUnwritten();
  }

  /** What the history said has been acted on: the next start finds a journal that is intact. */
  accept(): void {
    if (this.#history.kind === 'intact') return;
    this.#history = { kind: 'intact' };
    this.#contents.lost.clear();
    this.#try(() => this.#writeAnew(this.#contents));
  }

  /** Makes a last attempt to write what was only noted. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    clearImmediate(this.#soon);
    if (this.#unwritten.length > 0) this.#writeNotes();
    this.#closed = true;
    this.#file?.[Symbol.dispose]();
  }

  /**
   * Writes what was only noted, and then the changes.
   *
   * @param after - the contents with these changes
   */
  #save(changes: readonly JournalChange[], after: () => Contents): void {
    if (this.#closed) throw new Error('it is closed');
    if (this.#file?.isOurs()) {
      this.#append(this.#file, changes);
      return;
    }
    if (this.#file !== undefined) this.#log?.warn('the journal is not as it was written, or gone: it is written anew');
    this.#writeAnew(after());
  }

  /** Notes and changes, those that fit into one batch together. */
  #append(file: JournalFile, changes: readonly JournalChange[]): void {
    while (this.#unwritten.length > notesPerBatch) {
      file.append(this.#unwritten.slice(0, notesPerBatch).flat());
      this.#unwritten.splice(0, notesPerBatch);
    }
    const all = [...this.#unwritten.flat(), ...changes];
    if (all.length > 0) file.append(all);
    this.#unwritten = [];
  }

  #writeAnew(contents: Contents): void {
    if (this.#keepAs !== undefined) keepAside(this.#place, this.#keepAs);
    this.#keepAs = undefined;
    const file = JournalFile.replace(this.#place, { history: this.#history, contents });
    this.#file?.[Symbol.dispose]();
    this.#file = file;
    this.#unwritten = [];
    this.#compactFrom = 0;
    this.#compactFromBytes = 0;
  }

  #compact(): void {
    const { changes, added, first } = this.#file ?? { changes: 0, added: 0, first: 0 };
    const isMany = changes > Math.max(this.#compactFrom, this.#tooMany());
    const isLong = added > Math.max(this.#compactFromBytes, Math.min(byteSlack + 2 * first, (longest - first) / 2));
    if (!isMany && !isLong) return;
    try {
      this.#writeAnew(this.#contents);
    } catch (error) {
      // All is on record in the long file. The next attempt has to wait, for it may cost as much and fail again.
      this.#compactFrom = changes + slack;
      this.#compactFromBytes = added + byteSlack;
      const { message } = writeRefusal(this.#place.file, error);
      this.#log?.warn(`no shorter file can take the place of the journal: ${message}`, { changes });
    }
  }

  #tooMany(): number {
    return slack + changesPerRecord * this.#contents.records.size;
  }

  /** Notes that pile up while nothing can be written count as all of the contents: they are written anew, some day. */
  #boundUnwritten(): void {
    if (this.#file !== undefined && this.#unwritten.length <= this.#tooMany()) return;
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
    this.#unwritten = [];
  }

  /** Logs the first of several failures in a row, and their end. */
  #try(action: () => void): ForwarderError | undefined {
    try {
      action();
    } catch (error) {
      const refusal = writeRefusal(this.#place.file, error);
      if (!this.#failing) this.#log?.error(refusal.message, refusal.details);
      this.#failing = true;
      return refusal;
    }
    if (this.#failing) this.#log?.info('the journal can be written again', { file: this.#place.file });
    this.#failing = false;
    return undefined;
  }
}
