import { readFileSync } from 'node:fs';

/** A file as /proc/locks (proc_locks(5)) names it. */
export interface LockedFile {
  /** As stat(2) has it. */
  readonly dev: bigint;
  readonly ino: bigint;
}

const pattern = /FLOCK\s+ADVISORY\s+WRITE\s+(\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)/;

/**
 * Who has the exclusive flock(2) of a file, for people: `process 4711 (node dist/src/start.cjs)`. Undefined when that cannot be seen, as of
 * a process in another container.
 *
 * @param proc - where the proc file system is
 */
export function findLockHolder(file: LockedFile, proc = '/proc'): string | undefined {
  const table = readIfThere(`${proc}/locks`) ?? '';
  const pid = holderIn(table, file);
  if (pid === undefined) return undefined;
  // Its name would not help: every thread has its own, and that of Node 24's first is MainThread.
  const command = readIfThere(`${proc}/${pid}/cmdline`)?.replaceAll('\0', ' ').trim().slice(0, 100) ?? '';
  return command === '' ? `process ${pid}` : `process ${pid} (${command})`;
}

/** Files of the proc file system are made when they are read: there is no disk to wait for. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** The process id in the line of this file; 0 stands for one that this process cannot see. */
function holderIn(table: string, { dev, ino }: LockedFile): number | undefined {
  const holders = table.split('\n').flatMap((line) => {
    const [, pid, major, minor, inode] = pattern.exec(line) ?? [];
    return inode === `${ino}` && pid !== '0' ? [{ pid: Number(pid), device: `${major}:${minor}` }] : [];
  });
  const sameDevice = holders.find(({ device }) => device === deviceText(dev));
  // Some file systems (btrfs, overlayfs) show stat(2) another device: then an inode number that comes once must do.
  return (sameDevice ?? (holders.length === 1 ? holders[0] : undefined))?.pid;
}

/** `major:minor`, two hexadecimal digits or more each, from a dev_t as glibc's makedev packs it. */
function deviceText(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
  const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
  const hex = (value: bigint) => value.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}`;
}
