import { crc32 } from 'node:zlib';

/** `keys` announces a batch: which keys it changes, and how long its `data` line is. `data` has the changes. */
export type Tag = 'keys' | 'data';

/** What stands at one place of the file. */
export type Piece =
  | {
      readonly kind: 'line';
      readonly tag: Tag;
      /** Number of the batch in the file, from 1. */
      readonly batch: number;
      readonly json: string;
      readonly next: number;
      /** All is well but the line end, which is another character. */
      readonly badEnd: boolean;
    }
  /** Not a line of this journal; the next one that may be begins at `next`. */
  | { readonly kind: 'damage'; readonly next: number }
  /** The beginning of a line, and then the end of the file: its writer was killed. */
  | { readonly kind: 'torn' };

const lineEnd = 10;
/** `<checksum> <tag> <batch> <length of the JSON>` and a blank, each number 8 hexadecimal digits. */
const headLength = 32;
const checkedFrom = 9;
const blanks = [8, 13, 22, 31];
const blank = 32;

/**
 * One line. The checksum covers all that follows it and starts from a seed of the journal's version and boot, so that no
 * line of another can pass for one of this. JSON has no line ends of its own: after damage the next line is found by one.
 */
export function encodeLine(seed: number, { tag, batch, json }: { tag: Tag; batch: number; json: string }): string {
  const checked = `${tag} ${hex(batch)} ${hex(Buffer.byteLength(json))} ${json}`;
  return `${hex(crc32(checked, seed))} ${checked}\n`;
}

/** Reads what stands at an offset that is not the end of the file. */
export function readLine(bytes: Buffer, at: number, seed: number): Piece {
  const head = readHead(bytes, at);
  const end = head === undefined ? 0 : at + headLength + head.length;
  if (head !== undefined && end < bytes.length && checksumOf(bytes, { at, end, seed }) === head.checksum) {
    const json = bytes.toString('utf8', at + headLength, end);
    return { kind: 'line', tag: head.tag, batch: head.batch, json, next: end + 1, badEnd: bytes[end] !== lineEnd };
  }
  const newline = bytes.indexOf(lineEnd, at);
  if (newline !== -1) return { kind: 'damage', next: newline + 1 };
  return isBeginning(bytes, at, seed) ? { kind: 'torn' } : { kind: 'damage', next: bytes.length };
}

const octets = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** 8 lower-case hexadecimal digits of a number of 32 bits, from a table: six of them are in every batch. */
export function hex(value: number): string {
  const high = `${octets[value >>> 24]}${octets[(value >>> 16) & 255]}`;
  return `${high}${octets[(value >>> 8) & 255]}${octets[value & 255]}`;
}

interface Head {
  readonly checksum: number;
  readonly tag: Tag;
  readonly batch: number;
  readonly length: number;
}

/** By the byte and not by text: this is most of what reading a journal costs, next to its JSON. */
function readHead(bytes: Buffer, at: number): Head | undefined {
  if (at + headLength > bytes.length || blanks.some((place) => bytes[at + place] !== blank)) return undefined;
  const tag = tags.find((each) => bytes.readUInt32BE(at + 9) === each.code)?.tag;
  const [checksum, batch, length] = [numberAt(bytes, at), numberAt(bytes, at + 14), numberAt(bytes, at + 23)];
  const isHead = tag !== undefined && !Number.isNaN(checksum + batch + length);
  return isHead ? { checksum, tag, batch, length } : undefined;
}

const tags = (['keys', 'data'] as const).map((tag) => ({ tag, code: Buffer.from(tag).readUInt32BE() }));

/** 8 lower-case hexadecimal digits; anything else is no number. */
function numberAt(bytes: Buffer, at: number): number {
  let value = 0;
  for (let place = at; place < at + 8; place += 1) value = value * 16 + digitOf(bytes[place] ?? 0);
  return value;
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x61 + 10 : Number.NaN;
}

function checksumOf(bytes: Buffer, { at, end, seed }: { at: number; end: number; seed: number }): number {
  return crc32(bytes.subarray(at + checkedFrom, end), seed);
}

/** True when the rest of the file, which has no line end, is what a line begins with. */
function isBeginning(bytes: Buffer, at: number, seed: number): boolean {
  const rest = bytes.subarray(at);
  if (rest.length < headLength) return tags.some(({ tag }) => readHead(completed(rest, tag), 0) !== undefined);
  const head = readHead(rest, 0);
  if (head === undefined) return false;
  const missing = head.length - (rest.length - headLength);
  return missing > 0 || (missing === 0 && checksumOf(rest, { at: 0, end: rest.length, seed }) === head.checksum);
}

function completed(start: Buffer, tag: Tag): Buffer {
  return Buffer.concat([start, Buffer.from(`00000000 ${tag} 00000000 00000000 `).subarray(start.length)]);
}
