import type fs from 'node:fs';

/** The calls of `node:fs` that the journal makes. A test puts others in their place that fail, or end, at any of them. */
export type FileCalls = Pick<
  typeof fs,
  | 'closeSync'
  | 'existsSync'
  | 'fstatSync'
  | 'ftruncateSync'
  | 'linkSync'
  | 'mkdirSync'
  | 'openSync'
  | 'readFileSync'
  | 'renameSync'
  | 'unlinkSync'
  | 'writeSync'
>;

/** Where a journal lies, and by which calls it is reached. */
export interface Place {
  readonly calls: FileCalls;
  readonly folder: string;
  /** Below the folder. */
  readonly file: string;
  /** The kernel's boot id; records of another boot are void. */
  readonly bootId: string;
}
