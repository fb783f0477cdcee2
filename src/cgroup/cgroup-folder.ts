import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup } from '../ports/device-access.js';
import { cgroupFailure, cgroupGone } from './cgroup-failure.js';

/** The open folder of a cgroup. */
export interface CgroupFolder {
  readonly fd: number;
}

/**
 * Runs work with the open folder of a cgroup: of this one, not of a later one at the same path. What is done by way of
 * the descriptor cannot end anywhere else, whatever happens to the path meanwhile.
 *
 * @param root - where the hierarchy is mounted
 * @throws ForwarderError `not-found` when the cgroup is gone
 */
export async function insideCgroup<T>(
  root: string,
  cgroup: Cgroup,
  work: (folder: CgroupFolder) => Promise<T>,
): Promise<T> {
  const folder = openFolder(root, cgroup);
  try {
    return await work(folder);
  } finally {
    closeSync(folder.fd);
  }
}

/** A file of the cgroup whose folder is open. */
export function fileIn(folder: CgroupFolder, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

/** Cgroup file systems answer from the kernel's memory: the thread pool would only cost time. */
function openFolder(root: string, cgroup: Cgroup): CgroupFolder {
  const fd = openDirectory(root, cgroup);
  if (String(fstatSync(fd, { bigint: true }).ino) === cgroup.inode) return { fd };
  closeSync(fd);
  throw cgroupGone(cgroup);
}

function openDirectory(root: string, cgroup: Cgroup): number {
  try {
    return openSync(join(root, cgroup.path), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    throw cgroupFailure('opening the folder', cgroup, error);
  }
}
