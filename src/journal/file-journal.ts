import type { ForwarderError } from '../ports/error.js';
import type { Journal, JournalChange } from '../ports/journal.js';
import type { JsonObject } from '../ports/json.js';
import type { Log } from '../ports/log.js';
import type { Contents } from './contents.js';
import type { Place } from './file-calls.js';
import type { History } from './history.js';
import { JournalFile } from './journal-file.js';
import type { Found } from './read-journal.js';
import { writeRefusal } from './refusal.js';

/**
 * The file is written anew, with only what counts, when it has this many changes and four for each record. So that
 * takes at least 500 changes and three for every two records that it writes: its cost for each change is bounded.
 */
const slack = 1000;

/**
 * {@link Journal} in a file that is read only at the start: memory has all of it, and whatever becomes of the file, it
 * is written anew from memory as soon as that can be done.
 */
export class FileJournal implements Journal, Disposable {
  readonly #place: Place;
  readonly #log: Log | undefined;
  readonly #contents: Contents;
  #history: History;
  #keepAs: string | undefined;
  /** Undefined: a new file must take the place of whatever is there before anything is on record. */
  #file: JournalFile | undefined;
  /** Noted, and counted among the contents, but not in the file. */
  #unwritten: JournalChange[] = [];
  #compactFrom = 0;
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
    const all = [...this.#unwritten, ...changes];
    const refusal = this.#try(() => this.#save(all, () => this.#contents.with(changes)));
    if (refusal !== undefined) throw refusal;
    this.#unwritten = [];
    this.#contents.apply(changes);
    this.#compact();
  }

  note(changes: readonly JournalChange[]): void {
    this.#contents.apply(changes);
    this.#unwritten.push(...changes);
    if (this.#try(() => this.#save(this.#unwritten, () => this.#contents)) === undefined) {
      this.#unwritten = [];
      this.#compact();
    } else this.#boundUnwritten();
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
    if (this.#unwritten.length > 0) this.note([]);
    this.#closed = true;
    this.#file?.[Symbol.dispose]();
  }

  /** @param after - the contents with these changes */
  #save(changes: readonly JournalChange[], after: () => Contents): void {
    if (this.#closed) throw new Error('it is closed');
    if (this.#file?.isOurs()) {
      if (changes.length > 0) this.#file.append(changes);
      return;
    }
    if (this.#file !== undefined) this.#log?.warn('somebody has changed or removed the journal: it is written anew');
    this.#writeAnew(after());
  }

  #writeAnew(contents: Contents): void {
    const file = JournalFile.replace(this.#place, { history: this.#history, contents, keepAs: this.#keepAs });
    this.#file?.[Symbol.dispose]();
    this.#file = file;
    this.#keepAs = undefined;
    this.#unwritten = [];
    this.#compactFrom = 0;
  }

  #compact(): void {
    const { changes } = this.#file ?? { changes: 0 };
    if (changes <= Math.max(this.#compactFrom, slack + 4 * this.#contents.records.size)) return;
    try {
      this.#writeAnew(this.#contents);
    } catch (error) {
      // All is on record in the long file. The next attempt has to wait, for it may cost as much and fail again.
      this.#compactFrom = changes + slack;
      const { message } = writeRefusal(this.#place.file, error);
      this.#log?.warn(`no shorter file can take the place of the journal: ${message}`, { changes });
    }
  }

  /** Notes that pile up while nothing can be written count as all of the contents: they are written anew, some day. */
  #boundUnwritten(): void {
    if (this.#file !== undefined && this.#unwritten.length <= slack + 4 * this.#contents.records.size) return;
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
