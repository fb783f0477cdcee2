import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Access, Cgroup, DeviceAccess, DeviceNumber, KeptDevice, ShownGrant } from '../ports/device-access.js';
import { ForwarderError } from '../ports/error.js';
import type { PodUid } from '../ports/pod-cgroup.js';
import { cgroupFailure, errnoOf } from './cgroup-failure.js';
import { type CgroupFolder, fileIn, insideCgroup } from './cgroup-folder.js';
import { allowsDevice, type DeviceList, exactModes, parseDeviceList, without } from './device-list.js';
import { PodCgroups } from './pod-cgroups.js';
import { Turns } from './turns.js';

interface Change {
  readonly file: 'devices.allow' | 'devices.deny';
  readonly device: DeviceNumber;
  readonly modes: string;
}

/**
 * Device access by the devices controller of cgroup v1: rules are written to `devices.allow` and `devices.deny`, one
 * for each write, and read back from `devices.list`, which does not say who made them.
 */
export class CgroupV1DeviceAccess implements DeviceAccess {
  readonly #root: string;
  readonly #pods: PodCgroups;
  readonly #turns = new Turns();

  /** @param root - where the hierarchy with the devices controller is mounted */
  constructor(root: string) {
    this.#root = root;
    this.#pods = new PodCgroups(root);
  }

  cgroupsOf(pod: PodUid, signal: AbortSignal): Promise<readonly Cgroup[]> {
    return this.#pods.of(pod, signal);
  }

  async read(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<readonly Access[]> {
    signal.throwIfAborted();
    const list = await this.#inside(cgroup, async (folder) => readList(folder, cgroup));
    return devices.map((device) => ({
      allowedBy: allowsDevice(list, device) ? 'others' : 'nobody',
      keep: exactModes(list, device),
    }));
  }

  async grant(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#inside(cgroup, async (folder) => {
      const list = readList(folder, cgroup);
      const missing = devices.filter((device) => !allowsDevice(list, device));
      for (const device of missing) {
        const modes = without('rwm', exactModes(list, device));
        this.#write(folder, cgroup, { file: 'devices.allow', device, modes });
      }
      if (missing.length > 0) requireAllowed(folder, cgroup, missing);
    });
  }

  async revoke(cgroup: Cgroup, devices: readonly KeptDevice[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    try {
      await this.#inside(cgroup, async (folder) => this.#takeBack(folder, cgroup, devices));
    } catch (error) {
      if (!(error instanceof ForwarderError) || error.kind !== 'not-found') throw error;
    }
  }

  async shownGrants(): Promise<readonly ShownGrant[]> {
    return [];
  }

  #takeBack(folder: CgroupFolder, cgroup: Cgroup, devices: readonly KeptDevice[]): void {
    const list = readList(folder, cgroup);
    // Somebody has let the cgroup use everything; to deny one device now would be a rule of ours.
    if (list.everything) return;
    for (const device of devices) {
      const modes = without(exactModes(list, device), device.keep);
      if (modes !== '') this.#write(folder, cgroup, { file: 'devices.deny', device, modes });
    }
    const after = readList(folder, cgroup);
    const left = devices.find((device) => without(exactModes(after, device), device.keep) !== '');
    if (left !== undefined) {
      throw new ForwarderError('busy', `cgroup ${cgroup.path} still allows ${text(left)}: others allow it again`);
    }
  }

  #inside<T>(cgroup: Cgroup, work: (folder: CgroupFolder) => Promise<T>): Promise<T> {
    return this.#turns.run(cgroup.inode, () => insideCgroup(this.#root, cgroup, work));
  }

  #write(folder: CgroupFolder, cgroup: Cgroup, { file, device, modes }: Change): void {
    try {
      writeOnce(fileIn(folder, file), `c ${text(device)} ${modes}\n`);
    } catch (error) {
      if (errnoOf(error) === 'EPERM') throw this.#forbiddenAbove(cgroup, device, error);
      throw cgroupFailure(`writing ${file}`, cgroup, error);
    }
  }

  /** A cgroup cannot allow what the one above it does not: finds the highest one that forbids the device. */
  #forbiddenAbove({ path }: Cgroup, device: DeviceNumber, cause: unknown): ForwarderError {
    let forbidding = dirname(path);
    for (let above = forbidding; ; above = dirname(above)) {
      if (allowsDevice(listOf(join(this.#root, above)), device)) break;
      forbidding = above;
      if (above === '/') break;
    }
    return new ForwarderError(
      'denied',
      `cgroup ${path} cannot allow device ${text(device)}: ${forbidding}, above it, does not`,
      { cause, details: { cgroup: path, above: forbidding } },
    );
  }
}

function readList(folder: CgroupFolder, cgroup: Cgroup): DeviceList {
  try {
    return parseDeviceList(readFileSync(fileIn(folder, 'devices.list'), 'utf8'));
  } catch (error) {
    throw cgroupFailure('reading devices.list', cgroup, error);
  }
}

/** Empty for one that is gone. */
function listOf(folder: string): DeviceList {
  try {
    return parseDeviceList(readFileSync(join(folder, 'devices.list'), 'utf8'));
  } catch {
    return parseDeviceList('');
  }
}

function requireAllowed(folder: CgroupFolder, cgroup: Cgroup, devices: readonly DeviceNumber[]): void {
  const list = readList(folder, cgroup);
  const missing = devices.find((device) => !allowsDevice(list, device));
  if (missing === undefined) return;
  throw new ForwarderError('busy', `cgroup ${cgroup.path} does not allow ${text(missing)}: others forbid it again`);
}

function writeOnce(path: string, line: string): void {
  const fd = openSync(path, constants.O_WRONLY);
  try {
    writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}

function text({ major, minor }: DeviceNumber): string {
  return `${major}:${minor}`;
}
