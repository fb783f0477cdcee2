import { closeSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { queryDevicePrograms } from '../native/device-programs.js';
import type { Access, Cgroup, DeviceAccess, DeviceNumber, KeptDevice, ShownGrant } from '../ports/device-access.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { PodUid } from '../ports/pod-cgroup.js';
import { cgroupFailure, errnoOf } from './cgroup-failure.js';
import { type CgroupFolder, insideCgroup } from './cgroup-folder.js';
import { loadWith, openProgram, permitsDevice } from './device-programs-of.js';
import { assemble, includesDevice, type Program } from './grant-block.js';
import { PodCgroups } from './pod-cgroups.js';
import { Turns } from './turns.js';

/** What our block in one program shall allow. */
type Wish = (program: Program) => readonly DeviceNumber[];

interface OpenCgroup {
  readonly folder: CgroupFolder;
  readonly cgroup: Cgroup;
}

interface Change extends OpenCgroup {
  /** How often each program was there and could not be replaced. */
  readonly refusals: Map<number, number>;
}

/** Others change programs as well, and each change makes a pass in vain. */
const mostPasses = 10;
/** A program that is attached and yet cannot be replaced so often is held by a link. */
const refusalsOfALink = 3;

/**
 * Device access on cgroup v2, which has no files for it: each cgroup has BPF programs, all of which must allow what is
 * asked, its ancestors' as well. A grant is a block in front of every program that would refuse; it says itself whose
 * it is, so it needs no memory but the kernel's, and taking it off leaves the program as its owner made it.
 */
export class CgroupV2DeviceAccess implements DeviceAccess {
  readonly #root: string;
  readonly #pods: PodCgroups;
  readonly #turns = new Turns();

  /** @param root - where cgroup2 is mounted */
  constructor(root: string) {
    this.#root = root;
    this.#pods = new PodCgroups(root);
  }

  cgroupsOf(pod: PodUid, signal: AbortSignal): Promise<readonly Cgroup[]> {
    return this.#pods.of(pod, signal);
  }

  read(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<readonly Access[]> {
    return insideCgroup(this.#root, cgroup, async (folder) => {
      const programs = await effectivePrograms({ folder, cgroup }, signal);
      return devices.map((device) => ({ allowedBy: allower(programs, device), keep: '' }));
    });
  }

  grant(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<void> {
    return this.#change(cgroup, signal, async (change) => {
      const done = await replaceUnlike(change, withGrants(devices));
      const programs = await effectivePrograms(change, signal);
      const refused = devices.find((device) => allower(programs, device) === 'nobody');
      // With nothing left to replace here it is a program above that refuses.
      if (refused !== undefined && done) throw await this.#forbiddenAbove(cgroup, refused);
      return refused === undefined;
    });
  }

  async revoke(cgroup: Cgroup, devices: readonly KeptDevice[], signal: AbortSignal): Promise<void> {
    const wish: Wish = ({ granted }) => granted.filter((device) => !includesDevice(devices, device));
    try {
      await this.#change(cgroup, signal, (change) => replaceUnlike(change, wish));
    } catch (error) {
      if (!(error instanceof ForwarderError) || error.kind !== 'not-found') throw error;
    }
  }

  async shownGrants(signal: AbortSignal): Promise<readonly ShownGrant[]> {
    const found: ShownGrant[] = [];
    for await (const cgroup of this.#pods.all(signal)) {
      const devices = await this.#granted(cgroup);
      if (devices.length > 0) found.push({ cgroup, devices });
    }
    return found;
  }

  /** Makes passes until one says that the cgroup is as it shall be: looking once more is what makes sure. */
  #change(cgroup: Cgroup, signal: AbortSignal, pass: (change: Change) => Promise<boolean>): Promise<void> {
    const change = async (folder: CgroupFolder) => {
      const refusals = new Map<number, number>();
      for (let count = 0; count < mostPasses; count += 1) {
        signal.throwIfAborted();
        if (await pass({ folder, cgroup, refusals })) return;
      }
      throw new ForwarderError('busy', `the device programs of cgroup ${cgroup.path} are being changed all the time`);
    };
    return this.#turns.run(cgroup.inode, () => insideCgroup(this.#root, cgroup, change));
  }

  async #granted(cgroup: Cgroup): Promise<readonly DeviceNumber[]> {
    const look = async (folder: CgroupFolder) => {
      const granted: DeviceNumber[] = [];
      for (const id of (await queryPrograms({ folder, cgroup }, false)).ids) {
        using program = await openProgram(id);
        granted.push(...program.granted.filter((device) => !includesDevice(granted, device)));
      }
      return granted;
    };
    // A cgroup that has just gone has nothing, and in a program that cannot be read there is nothing of ours.
    return insideCgroup(this.#root, cgroup, look).catch(() => []);
  }

  /** All programs of the cgroup allow the device now, so one above it does not. */
  async #forbiddenAbove({ path }: Cgroup, device: DeviceNumber): Promise<ForwarderError> {
    let above = dirname(path);
    while (above !== '/' && (await this.#allows(above, device))) above = dirname(above);
    return new ForwarderError(
      'denied',
      `cgroup ${path} cannot allow device ${device.major}:${device.minor}: ${above}, above it, does not`,
      { details: { cgroup: path, above } },
    );
  }

  async #allows(path: string, device: DeviceNumber): Promise<boolean> {
    const fd = openSync(join(this.#root, path), 'r');
    try {
      const programs = await readPrograms((await queryDevicePrograms(fd)).ids);
      return allower(programs, device) !== 'nobody';
    } finally {
      closeSync(fd);
    }
  }
}

/** @returns true when there was nothing to replace */
async function replaceUnlike({ folder, cgroup, refusals }: Change, wish: Wish): Promise<boolean> {
  const { ids, flags } = await queryPrograms({ folder, cgroup }, false);
  let alike = true;
  for (const id of ids) {
    try {
      using program = await openProgram(id);
      const wished = wish(program);
      if (sameDevices(wished, program.granted)) continue;
      alike = false;
      using successor = await loadWith(program, wished);
      await successor.replace(folder.fd, program.handle, flags);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw failure(cgroup, error);
      countRefusal(refusals, id, cgroup);
      return false;
    }
  }
  return alike;
}

/** All programs that are asked when a process of the cgroup opens a device. */
async function effectivePrograms(at: OpenCgroup, signal: AbortSignal): Promise<readonly Program[]> {
  for (let pass = 1; ; pass += 1) {
    signal.throwIfAborted();
    const { ids } = await queryPrograms(at, true);
    try {
      return await readPrograms(ids);
    } catch (error) {
      // One was replaced between the two looks.
      if (errnoOf(error) !== 'ENOENT' || pass === mostPasses) throw failure(at.cgroup, error);
    }
  }
}

/** The devices that the program refuses by itself, besides those that are there already. */
function withGrants(devices: readonly DeviceNumber[]): Wish {
  return ({ granted, rest }) => [
    ...granted,
    ...devices.filter((device) => !includesDevice(granted, device) && !permitsDevice(rest, device)),
  ];
}

function allower(programs: readonly Program[], device: DeviceNumber): Access['allowedBy'] {
  if (!programs.every((program) => permitsDevice(assemble(program), device))) return 'nobody';
  return programs.every(({ rest }) => permitsDevice(rest, device)) ? 'others' : 'us';
}

async function readPrograms(ids: readonly number[]): Promise<readonly Program[]> {
  const programs: Program[] = [];
  for (const id of ids) {
    using program = await openProgram(id);
    programs.push({ granted: program.granted, rest: program.rest });
  }
  return programs;
}

async function queryPrograms({ folder, cgroup }: OpenCgroup, effective: boolean) {
  try {
    return await queryDevicePrograms(folder.fd, effective);
  } catch (error) {
    throw cgroupFailure('asking for the device programs', cgroup, error);
  }
}

function countRefusal(refusals: Map<number, number>, id: number, cgroup: Cgroup): void {
  const count = (refusals.get(id) ?? 0) + 1;
  refusals.set(id, count);
  if (count < refusalsOfALink) return;
  throw new ForwarderError(
    'unsupported',
    `the device program ${id} of cgroup ${cgroup.path} cannot be replaced: it is attached by a BPF link, or the kernel is older than 5.6`,
    { details: { cgroup: cgroup.path } },
  );
}

function failure(cgroup: Cgroup, thrown: unknown): ForwarderError {
  const { kind, message, details } = toForwarderError(thrown);
  if (details['errno'] !== undefined) return cgroupFailure('changing the device programs', cgroup, thrown);
  return new ForwarderError(kind, `cgroup ${cgroup.path}: ${message}`, {
    cause: thrown,
    details: { cgroup: cgroup.path },
  });
}

function sameDevices(a: readonly DeviceNumber[], b: readonly DeviceNumber[]): boolean {
  return a.length === b.length && a.every((device) => includesDevice(b, device));
}
