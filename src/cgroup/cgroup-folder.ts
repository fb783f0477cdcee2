import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cgroup } from '../ports/device-access.js';
import { cgroupFailure, cgroupGone } from './cgroup-failure.js';

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
  work: (folder: FileHandle) => Promise<T>,
): Promise<T> {
  const folder = await openFolder(root, cgroup);
  try {
    return await work(folder);
  } finally {
    await folder.close();
  }
}

/** A file of the cgroup whose folder is open. */
export function fileIn(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

async function openFolder(root: string, cgroup: Cgroup): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const folder = await open(join(root, cgroup.path), flags).catch((error: unknown) => {
    throw cgroupFailure('opening the folder', cgroup, error);
  });
  const { ino } = await folder.stat({ bigint: true });
  if (String(ino) === cgroup.inode) return folder;
  await folder.close();
  throw cgroupGone(cgroup);
}
