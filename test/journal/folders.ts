import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder for one test. */
export interface TestFolder extends Disposable {
  readonly path: string;
}

export function temporaryFolder(): TestFolder {
  const path = mkdtempSync(join(tmpdir(), 'journal-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** A file system of its own, of some size. */
export interface SmallDisk extends TestFolder {
  /** Takes all that is free, until the result is disposed. */
  fill(): Disposable;
  remount(mode: 'ro' | 'rw'): void;
}

/** Why no file systems can be mounted here; undefined when they can. */
export function whyNoMounts(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: file systems that are small or read-only are mounted';
  try {
    smallDisk(64)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return `file systems cannot be mounted here: ${(error as Error).message}`;
  }
}

/** @param kilobytes - its size, in units of 1024 bytes */
export function smallDisk(kilobytes: number): SmallDisk {
  const { path, [Symbol.dispose]: remove } = temporaryFolder();
  const mount = (...args: string[]) => command('mount', ...args, path);
  try {
    mount('-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=700`, 'journal-test');
  } catch (error) {
    remove();
    throw error;
  }
  return {
    path,
    fill: () => fill(path),
    remount: (mode) => mount('-o', `remount,${mode}`),
    [Symbol.dispose]: () => {
      command('umount', '--lazy', path);
      remove();
    },
  };
}

function fill(path: string): Disposable {
  const filler = join(path, 'filler');
  const { bavail, bsize } = statfsSync(path);
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  return { [Symbol.dispose]: () => unlinkSync(filler) };
}

function command(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
