import { access, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DeviceAccess } from '../ports/device-access.js';
import { ForwarderError } from '../ports/error.js';
import { CgroupV1DeviceAccess } from './cgroup-v1.js';
import { CgroupV2DeviceAccess } from './cgroup-v2.js';

// linux/magic.h
const CGROUP_SUPER_MAGIC = 0x27e0eb;
const CGROUP2_SUPER_MAGIC = 0x63677270;

/**
 * The adapter for what decides about devices on this node: the devices hierarchy of cgroup v1 where it is mounted, also
 * beside cgroup v2; else cgroup v2, at the folder itself, above it, or beside it under the name `unified`.
 *
 * @param path - where the devices hierarchy of cgroup v1 would be, usually `/sys/fs/cgroup/devices`
 * @throws ForwarderError `unsupported` when there is neither
 */
export async function openDeviceAccess(path: string): Promise<DeviceAccess> {
  if ((await magic(path)) === CGROUP_SUPER_MAGIC && (await exists(join(path, 'devices.list')))) {
    return new CgroupV1DeviceAccess(path);
  }
  for (const root of [path, dirname(path), join(dirname(path), 'unified')]) {
    if ((await magic(root)) === CGROUP2_SUPER_MAGIC) return new CgroupV2DeviceAccess(root);
  }
  throw new ForwarderError(
    'unsupported',
    `neither ${path} is the devices hierarchy of cgroup v1, nor is cgroup v2 mounted at ${dirname(path)}: mount the host's`,
    { details: { path } },
  );
}

async function magic(path: string): Promise<number | undefined> {
  return statfs(path).then(
    ({ type }) => type,
    () => undefined,
  );
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
