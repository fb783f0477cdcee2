import { mkdirSync, rmdirSync } from 'node:fs';
import { CgroupV1DeviceAccess } from '../../src/cgroup/cgroup-v1.js';
import { CgroupV2DeviceAccess } from '../../src/cgroup/cgroup-v2.js';
import type { DeviceAccess } from '../../src/ports/device-access.js';
import { type ForeignRules, listedRules } from '../cgroup/cgroup-harness.js';
import { programRules } from '../cgroup/program-rules.js';
import { output } from './commands.js';

/** A hierarchy that decides about devices. */
export interface DeviceCgroups {
  /** Where it is mounted. */
  readonly root: string;
  readonly rules: ForeignRules;
  readonly access: DeviceAccess;
}

const v2 = '/sys/fs/cgroup';
const v1 = '/run/cgroup-devices';

/** The one that the machine has from its start. */
export const cgroupsV2: DeviceCgroups = { root: v2, rules: programRules, access: new CgroupV2DeviceAccess(v2) };

/** Mounts the devices hierarchy of v1 beside v2, which makes the machine a hybrid one for as long. */
export async function mountCgroupV1(): Promise<DeviceCgroups & AsyncDisposable> {
  mkdirSync(v1, { recursive: true });
  await output('mount', '-t', 'cgroup', '-o', 'devices', 'devices', v1);
  const unmount = async () => {
    await output('umount', v1);
    rmdirSync(v1);
  };
  return { root: v1, rules: listedRules, access: new CgroupV1DeviceAccess(v1), [Symbol.asyncDispose]: unmount };
}
