/**
 * The program of a write helper: writes what its parent sends, one message at a time, and answers with the errno. It
 * is a process of its own because the kernel may hold a write for ever, in a state that not even SIGKILL ends: a
 * thread held like that would keep the daemon from ending, and four would stop all its file work.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { errnoOf } from './errno.js';

/** What the parent sends. */
export interface WriteOrder {
  readonly file: string;
  readonly text: string;
}

/** What comes back: no errno when the kernel took the whole text. */
export interface WriteAnswer {
  readonly errno?: string;
  readonly problem?: string;
}

// Without O_CREAT, so that a missing attribute is ENOENT and not EACCES.
function writeOnce({ file, text }: WriteOrder): void {
  const descriptor = openSync(file, constants.O_WRONLY);
  try {
    const written = writeSync(descriptor, text);
    if (written !== Buffer.byteLength(text)) throw new Error(`the kernel took ${written} bytes of ${text.length}`);
  } finally {
    closeSync(descriptor);
  }
}

function answer(order: WriteOrder): WriteAnswer {
  try {
    writeOnce(order);
    return {};
  } catch (error) {
    const errno = errnoOf(error);
    return { problem: String(error), ...(errno !== undefined && { errno }) };
  }
}

process.on('message', (order: WriteOrder) => process.send?.(answer(order)));
process.on('disconnect', () => process.exit());
