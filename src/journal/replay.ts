import type { JournalChange } from '../ports/journal.js';
import { type Announcement, type ChangePairs, changesOf } from './batch.js';
import { Contents } from './contents.js';
import type { LostKeys } from './history.js';
import { type Piece, readLine } from './line.js';

type Line = Extract<Piece, { kind: 'line' }>;

/** A batch of which only the first line has been read. */
interface Announced {
  readonly at: number;
  readonly batch: number;
  /** An {@link Announcement}. It is hardly ever asked. */
  readonly json: string;
}

/**
 * Reads a file's batches from an offset on, and goes on behind whatever is damaged. Of a batch whose second line is
 * damaged the first tells the keys. When whole batches are missing, their numbers have a gap.
 */
export class Replay {
  readonly contents: Contents;
  /** Offsets of what cannot be read. */
  readonly damage: number[] = [];
  readonly #length: number;
  #at: number;
  #end: number;
  #next = 1;
  #changes = 0;
  #gap: number | undefined;
  #announced: Announced | undefined;
  /** Whole batches may be lost since the last one that was read. */
  #mayMiss = false;

  constructor(bytes: Buffer, { from, seed, lost }: { from: number; seed: number; lost: LostKeys }) {
    this.#length = bytes.length;
    this.#at = from;
    this.#end = bytes.length;
    this.contents = new Contents(lost);
    while (this.#at < this.#end) this.#take(readLine(bytes, this.#at, seed));
    this.#finish();
  }

  /** Where the last whole batch ends: a torn one behind it does not count. */
  get end(): number {
    return this.#end;
  }

  /** How many batches were written, read or not. */
  get batches(): number {
    return this.#next - 1;
  }

  /** The last offset before which whole batches are missing, or may be. */
  get gap(): number | undefined {
    return this.#gap;
  }

  /** How many changes were read. */
  get changes(): number {
    return this.#changes;
  }

  #take(piece: Piece): void {
    if (piece.kind === 'torn') this.#end = this.#at;
    else if (piece.kind === 'damage') this.#skip(piece.next);
    else {
      if (piece.badEnd) this.damage.push(piece.next - 1);
      this.#read(piece);
    }
  }

  #read({ tag, batch, json, next }: Line): void {
    const announced = this.#announced;
    if (announced !== undefined && (tag === 'keys' || announced.batch !== batch)) {
      this.damage.push(this.#at);
      this.#lose(announced);
    }
    if (tag === 'keys') this.#announced = { at: this.#at, batch, json };
    else {
      this.#announced = undefined;
      if (this.#reach(batch)) this.#apply(changesOf(JSON.parse(json) as ChangePairs));
    }
    this.#at = next;
  }

  #apply(changes: readonly JournalChange[]): void {
    this.contents.apply(changes);
    this.#changes += changes.length;
  }

  /** Goes on behind damage: where the announced line would end, else where a line may begin. */
  #skip(next: number): void {
    this.damage.push(this.#at);
    const bytes = this.#announced === undefined ? Number.POSITIVE_INFINITY : this.#lose(this.#announced);
    const end = this.#at + bytes;
    const known = end <= this.#length;
    this.#mayMiss ||= !known;
    this.#at = known ? end : next;
  }

  /**
   * The second line of this batch is not there: only its keys are known.
   *
   * @returns how long the line was
   */
  #lose({ batch, json }: Announced): number {
    this.#announced = undefined;
    const { keys, bytes } = JSON.parse(json) as Announcement;
    if (this.#reach(batch)) this.contents.lose(keys);
    return bytes;
  }

  /** Counts up to a batch; false for one that cannot be there. */
  #reach(batch: number): boolean {
    if (batch < this.#next) {
      this.damage.push(this.#at);
      return false;
    }
    if (batch > this.#next) this.#gap = this.#at;
    this.#next = batch + 1;
    this.#mayMiss = false;
    return true;
  }

  #finish(): void {
    if (this.#announced !== undefined) this.#end = this.#announced.at;
    if (this.#mayMiss) this.#gap = this.#end;
  }
}
