import { crc32 } from 'node:zlib';
import type { JsonObject } from '../ports/json.js';
import type { History, LostKeys } from './history.js';
import { hex } from './line.js';

/** The version of the format that is written, and the only one that is read. */
const version = 1;
/** Every version's file begins so, its number follows: this much may never change. */
const title = 'forwarder-sriov journal ';
const pattern = new RegExp(`^${title}(\\d{1,9})(?: ([0-9a-f]{8}) ([^\\n]*))?`);

/** What the first line of a file says. */
export type Header =
  | { readonly kind: 'own'; readonly bootId: string; readonly history: History; readonly next: number }
  /** Nothing that can be relied on; with the version that it claims, if it claims any. */
  | { readonly kind: 'other'; readonly version: number | undefined; readonly next: number };

interface Written {
  readonly bootId: string;
  readonly kind: History['kind'];
  readonly what?: string;
  readonly lost?: readonly (readonly [string, JsonObject?])[];
}

/** The first line: whose the file is, and what was not accepted yet of its history. */
export function encodeHeader(bootId: string, history: History): string {
  const written = history.kind === 'damaged' ? { ...history, lost: pairs(history.lost) } : history;
  const json = JSON.stringify({ bootId, ...written });
  return `${title}${version} ${hex(crc32(json))} ${json}\n`;
}

/** Reads the first line of a file that is not empty. */
export function decodeHeader(bytes: Buffer): Header {
  const newline = bytes.indexOf('\n');
  const next = newline === -1 ? bytes.length : newline + 1;
  const other = { kind: 'other', version: undefined, next } as const;
  if (!bytes.toString('latin1', 0, title.length).startsWith(title)) return other;
  const [, number = '', checksum, json = ''] = pattern.exec(bytes.toString('utf8', 0, next)) ?? [];
  if (newline === -1 || Number(number) !== version || checksum !== hex(crc32(json))) {
    return { ...other, version: number === '' ? undefined : Number(number) };
  }
  const written = JSON.parse(json) as Written;
  return { kind: 'own', bootId: written.bootId, history: historyOf(written), next };
}

/** True when this is no more than the beginning of a first line. */
export function isCutHeader(bytes: Buffer): boolean {
  const text = bytes.toString('latin1', 0, title.length);
  return !bytes.includes('\n') && title.startsWith(text);
}

/** True when the number is that of a version that did not exist when this was written. */
export function isNewer(claimed: number | undefined): boolean {
  return claimed !== undefined && claimed > version;
}

/** Where the checksums of a journal's lines start. */
export function seedOf(bootId: string): number {
  return crc32(`${title}${version} ${bootId}`);
}

function pairs(lost: LostKeys): readonly (readonly [string, JsonObject?])[] {
  return [...lost].map(([key, value]) => (value === undefined ? ([key] as const) : ([key, value] as const)));
}

function historyOf({ kind, what = '', lost = [] }: Written): History {
  if (kind === 'damaged') return { kind, what, lost: new Map(lost.map(([key, value]) => [key, value])) };
  return kind === 'voided' ? { kind, what } : { kind };
}
