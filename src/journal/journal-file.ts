import { constants } from 'node:fs';
import type { JournalChange } from '../ports/journal.js';
import { encodeBatch } from './batch.js';
import type { Contents } from './contents.js';
import type { Place } from './file-calls.js';
import { encodeHeader, seedOf } from './header.js';
import type { History } from './history.js';
import { makeFolder } from './make-folder.js';
import { longest, type Resumable } from './read-journal.js';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

const batchesPerLook = 16;
const batchesPerPart = 256;

/** All that a file is written from. */
export interface Whole {
  readonly history: History;
  readonly contents: Contents;
}

/**
 * The journal's file, open at its end. Nothing is synced to the disk: what write(2) took is the kernel's and outlives
 * the process, which is all that a journal that ends with the boot has to do. What fails throws as `node:fs` does.
 */
export class JournalFile implements Disposable {
  readonly #place: Place;
  readonly #seed: number;
  readonly #fd: number;
  #size: number;
  /** What it had when it was written as a whole, or found. */
  readonly #first: number;
  #batches: number;
  #changes: number;
  #whole = true;

  private constructor(place: Place, fd: number, { size, batches, changes }: Omit<Resumable, 'torn'>) {
    this.#place = place;
    this.#seed = seedOf(place.bootId);
    this.#fd = fd;
    this.#size = size;
    this.#first = size;
    this.#batches = batches;
    this.#changes = changes;
  }

  /** Goes on with a file, behind its last whole batch. */
  static resume(place: Place, resumable: Resumable): JournalFile {
    const { calls } = place;
    const fd = calls.openSync(place.file, O_WRONLY | O_APPEND | O_NOFOLLOW);
    try {
      if (resumable.torn > 0) calls.ftruncateSync(fd, resumable.size);
      return new JournalFile(place, fd, resumable);
    } catch (error) {
      calls.closeSync(fd);
      throw error;
    }
  }

  /** Puts a new file in the place of whatever is there: all of it is written under another name, then it is renamed. */
  static replace(place: Place, whole: Whole): JournalFile {
    const { calls, folder, file } = place;
    makeFolder(calls, folder);
    const fresh = freshName(place);
    removeLeftover(place);
    const fd = calls.openSync(fresh, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      const written = writeWhole(place, fd, whole);
      calls.renameSync(fresh, file);
      return new JournalFile(place, fd, written);
    } catch (error) {
      calls.closeSync(fd);
      removeLeftover(place);
      throw error;
    }
  }

  /** How many changes are in the file, those that count no more included. */
  get changes(): number {
    return this.#changes;
  }

  /** How many bytes were added since it was written as a whole, or found. */
  get added(): number {
    return this.#size - this.#first;
  }

  /** How many bytes it had then. */
  get first(): number {
    return this.#first;
  }

  /**
   * False when what is on record is not all in the file: a failed batch could not be cut off, or somebody else has
   * removed, shortened or lengthened it. For the latter it is looked at now and then, as a look costs half a write.
   */
  isOurs(): boolean {
    if (!this.#whole || this.#batches % batchesPerLook !== 0) return this.#whole;
    const { size, nlink } = this.#place.calls.fstatSync(this.#fd);
    return size === this.#size && nlink > 0;
  }

  /**
   * Adds a batch, unless no start would read so long a file. When that fails the file is as before; if that cannot be
   * had, it is not {@link isOurs} any more.
   */
  append(changes: readonly JournalChange[]): void {
    const bytes = Buffer.from(encodeBatch(this.#seed, this.#batches + 1, changes));
    if (this.#size + bytes.length > longest) throw new Error(`it would be longer than ${longest} bytes`);
    try {
      writeAll(this.#place, this.#fd, bytes);
    } catch (error) {
      this.#cutBack();
      throw error;
    }
    this.#size += bytes.length;
    this.#batches += 1;
    this.#changes += changes.length;
  }

  [Symbol.dispose](): void {
    this.#place.calls.closeSync(this.#fd);
  }

  #cutBack(): void {
    try {
      this.#place.calls.ftruncateSync(this.#fd, this.#size);
    } catch {
      this.#whole = false;
    }
  }
}

/** Removes what a process left that was killed while it wrote a new file. */
export function removeLeftover(place: Place): void {
  try {
    place.calls.unlinkSync(freshName(place));
  } catch {
    // Mostly there is none. One that stays fails the next replacement, which says why.
  }
}

function freshName({ file }: Place): string {
  return `${file}.new`;
}

/** Each record is a batch, in its order. They are made and written in parts: on a full disk the first one fails. */
function writeWhole(place: Place, fd: number, { history, contents }: Whole): Omit<Resumable, 'torn'> {
  const seed = seedOf(place.bootId);
  const { lost, records } = contents;
  let part = [encodeHeader(place.bootId, history.kind === 'damaged' ? { ...history, lost } : history)];
  let [size, batches] = [0, 0];
  const write = () => {
    const bytes = Buffer.from(part.join(''));
    writeAll(place, fd, bytes);
    size += bytes.length;
    part = [];
  };
  for (const [key, value] of records) {
    batches += 1;
    part.push(encodeBatch(seed, batches, [{ key, value }]));
    if (part.length === batchesPerPart) write();
  }
  write();
  return { size, batches, changes: batches };
}

/** One write, unless the kernel takes only a part: then another, which tells what is wrong. */
function writeAll({ calls }: Place, fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    const taken = calls.writeSync(fd, bytes, done);
    if (taken === 0) throw new Error('write(2) took nothing');
    done += taken;
  }
}
