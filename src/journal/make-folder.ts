import type fs from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf } from './errno.js';

/**
 * Makes a folder for root alone, and those above it that are missing. What fails throws as `node:fs` does; its own
 * recursive way is not taken because it calls a read-only file system ENOENT.
 */
export function makeFolder(calls: Pick<typeof fs, 'existsSync' | 'mkdirSync'>, folder: string): void {
  if (calls.existsSync(folder)) return;
  makeFolder(calls, dirname(folder));
  try {
    calls.mkdirSync(folder, 0o700);
  } catch (error) {
    // Somebody else was faster.
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}
