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
      /** Parsed from JSON. */
      readonly content: unknown;
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
const headPattern = /^[0-9a-f]{8} (?:keys|data) [0-9a-f]{8} [0-9a-f]{8} $/;

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
  if (head !== undefined && end < bytes.length && checksum(bytes, { at, end, seed }) === head.checksum) {
    const content = parsed(bytes.toString('utf8', at + headLength, end));
    const { tag, batch } = head;
    if (content !== undefined)
      return { kind: 'line', tag, batch, content, next: end + 1, badEnd: bytes[end] !== lineEnd };
  }
  const newline = bytes.indexOf(lineEnd, at);
  if (newline !== -1) return { kind: 'damage', next: newline + 1 };
  return isBeginning(bytes, at, seed) ? { kind: 'torn' } : { kind: 'damage', next: bytes.length };
}

/** 8 lower-case hexadecimal digits. */
export function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** Undefined for damage that the checksum did not show, as it does not one time in 2^32. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

interface Head {
  readonly checksum: number;
  readonly tag: Tag;
  readonly batch: number;
  readonly length: number;
}

function readHead(bytes: Buffer, at: number): Head | undefined {
  const text = bytes.toString('latin1', at, at + headLength);
  if (!headPattern.test(text)) return undefined;
  const number = (from: number) => Number.parseInt(text.slice(from, from + 8), 16);
  return { checksum: number(0), tag: text.slice(9, 13) as Tag, batch: number(14), length: number(23) };
}

function checksum(bytes: Buffer, { at, end, seed }: { at: number; end: number; seed: number }): number {
  return crc32(bytes.subarray(at + checkedFrom, end), seed);
}

/** True when the rest of the file, which has no line end, is what a line begins with. */
function isBeginning(bytes: Buffer, at: number, seed: number): boolean {
  const present = bytes.length - at;
  if (present < headLength) {
    const text = bytes.toString('latin1', at);
    const completed = (tag: Tag) => text + `00000000 ${tag} 00000000 00000000 `.slice(present);
    return headPattern.test(completed('keys')) || headPattern.test(completed('data'));
  }
  const head = readHead(bytes, at);
  if (head === undefined) return false;
  const missing = head.length - (present - headLength);
  return missing > 0 || (missing === 0 && checksum(bytes, { at, end: bytes.length, seed }) === head.checksum);
}
