import { constants } from 'node:fs';
import type { JournalChange } from '../ports/journal.js';
import { encodeBatch } from './batch.js';
import type { Contents } from './contents.js';
import type { Place } from './file-calls.js';
import { encodeHeader, seedOf } from './header.js';
import type { History } from './history.js';
import { keepAside } from './keep-aside.js';
import { makeFolder } from './make-folder.js';
import type { Resumable } from './read-journal.js';

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** All that a file is written from. */
export interface Whole {
  readonly history: History;
  readonly contents: Contents;
  /** The name under which the file in its place is kept. */
  readonly keepAs: string | undefined;
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
  #batches: number;
  #changes: number;

  private constructor(place: Place, fd: number, { size, batches, changes }: Omit<Resumable, 'torn'>) {
    this.#place = place;
    this.#seed = seedOf(place.bootId);
    this.#fd = fd;
    this.#size = size;
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
      const { bytes, batches } = encodeWhole(place.bootId, whole);
      writeAll(place, fd, bytes);
      if (whole.keepAs !== undefined) keepAside(place, whole.keepAs);
      calls.renameSync(fresh, file);
      return new JournalFile(place, fd, { size: bytes.length, batches, changes: batches });
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

  /** False when somebody else has removed, shortened or lengthened the file: what is on record is in it no more. */
  isOurs(): boolean {
    const { size, nlink } = this.#place.calls.fstatSync(this.#fd);
    return size === this.#size && nlink > 0;
  }

  /** Adds a batch. When that fails the file is as before; if not even that can be had, it is not {@link isOurs} any more. */
  append(changes: readonly JournalChange[]): void {
    const bytes = Buffer.from(encodeBatch(this.#seed, this.#batches + 1, changes));
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
      // The size tells.
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

/** Each record is a batch, in its order. */
function encodeWhole(bootId: string, { history, contents }: Whole): { bytes: Buffer; batches: number } {
  const seed = seedOf(bootId);
  const { lost } = contents;
  const parts = [encodeHeader(bootId, history.kind === 'damaged' ? { ...history, lost } : history)];
  for (const [key, value] of contents.records) parts.push(encodeBatch(seed, parts.length, [{ key, value }]));
  return { bytes: Buffer.from(parts.join('')), batches: parts.length - 1 };
}

/** One write, unless the kernel takes only a part: then another, which tells what is wrong. */
function writeAll({ calls }: Place, fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    const taken = calls.writeSync(fd, bytes, done);
    if (taken === 0) throw new Error('write(2) took nothing');
    done += taken;
  }
}
