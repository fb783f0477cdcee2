import { execFile } from 'node:child_process';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** A file system of a few hundred KiB over a folder, to be filled up or made read-only. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async mount(folder: string): Promise<SmallDisk> {
    await execute('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', folder]);
    return new SmallDisk(folder);
  }

  /** Leaves no free block. What was begun in a block may still grow in it. */
  async fill(): Promise<void> {
    const ballast = Buffer.alloc(4096);
    for (let full = false; !full; ) {
      full = await appendFile(this.#ballast, ballast).then(
        () => false,
        () => true,
      );
    }
  }

  async free(): Promise<void> {
    await rm(this.#ballast);
  }

  async setReadOnly(yes: boolean): Promise<void> {
    await execute('mount', ['-o', `remount,${yes ? 'ro' : 'rw'}`, this.#folder]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A daemon may still be there, with its journal open.
    await execute('umount', ['--lazy', this.#folder]);
  }

  get #ballast(): string {
    return join(this.#folder, 'ballast');
  }
}
