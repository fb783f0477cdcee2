import type { JournalChange } from '../ports/journal.js';
import type { JsonObject } from '../ports/json.js';
import { encodeLine } from './line.js';

/** What the first line of a batch says of the second, so that the keys are known when the second is damaged. */
export interface Announcement {
  readonly keys: readonly string[];
  /** Length of the second line, its end included. */
  readonly bytes: number;
}

/** Changes that count all or none, as two lines: which keys, then what becomes of them. */
export function encodeBatch(seed: number, batch: number, changes: readonly JournalChange[]): string {
  const pairs: ChangePairs = changes.map(({ key, value }) => (value === undefined ? [key] : [key, value]));
  const data = encodeLine(seed, { tag: 'data', batch, json: JSON.stringify(pairs) });
  const announcement = { keys: changes.map(({ key }) => key), bytes: Buffer.byteLength(data) };
  return encodeLine(seed, { tag: 'keys', batch, json: JSON.stringify(announcement) }) + data;
}

/** The changes as the second line has them. */
export type ChangePairs = readonly (readonly [string, JsonObject?])[];

export function changesOf(pairs: ChangePairs): readonly JournalChange[] {
  return pairs.map(([key, value]) => (value === undefined ? { key } : { key, value }));
}
