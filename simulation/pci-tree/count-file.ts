import { watch } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { parseCount } from './kernel-writes.js';

/** The number behind a count file, and what writing another one does. */
export interface WatchedCount {
  current(): number;
  set(count: number): Promise<void>;
}

/**
 * Plays `sriov_numvfs`, which can be read as well as written and so is an ordinary file: watches it, sets what somebody
 * writes there, and puts the number that came of it back. A refusal is seen only by the number not changing.
 */
export function watchCountFile(file: string, count: WatchedCount): AsyncDisposable {
  let working: Promise<void> = Promise.resolve();
  const watcher = watch(file, () => {
    working = working.then(() => react(file, count)).catch(() => undefined);
  });
  return {
    [Symbol.asyncDispose]: async () => {
      watcher.close();
      await working;
    },
  };
}

async function react(file: string, count: WatchedCount): Promise<void> {
  const text = await readFile(file, 'utf8');
  // Nothing between a writer's truncation and its write; our own number when it was put back.
  if (text === '' || text === `${count.current()}\n`) return;
  try {
    await count.set(parseCount(text.split('\n')[0] ?? ''));
  } catch {
    const overwritten = (await readFile(file, 'utf8')) !== text;
    if (!overwritten) await writeFile(file, `${count.current()}\n`);
  }
}
