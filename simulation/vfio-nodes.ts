import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DeviceNumber } from '../src/ports/device-access.js';
import type { PciAddress } from '../src/ports/pci-address.js';

/** Devices of every kernel that anybody may open without harm; they stand for the container and the groups. */
const memory = 1;
const containerDevice: DeviceNumber = { major: memory, minor: 3 };
const groupMinors = [5, 7, 8, 9];

interface Group {
  readonly minor: number;
  readonly members: Set<PciAddress>;
}

/**
 * A node's `/dev/vfio`, with the nodes that the kernel would make there: one for each group of which vfio-pci has a
 * function. They are real character devices of this machine (`/dev/null`, `/dev/zero` and the like), so that the kernel
 * decides who may open them. Theirs is not what VFIO's would be: many may have them open at a time.
 */
export class VfioNodes {
  readonly folder: string;
  /** By the names of their nodes. */
  readonly #groups = new Map<string, Group>();

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @throws Error when this process may not make device nodes there */
  static async create(folder: string): Promise<VfioNodes> {
    await mkdir(folder);
    await makeNode(join(folder, 'vfio'), containerDevice);
    return new VfioNodes(folder);
  }

  /** vfio-pci has taken a function of the group whose node has this name. */
  async bound(address: PciAddress, name: string): Promise<void> {
    const known = this.#groups.get(name);
    if (known !== undefined) {
      known.members.add(address);
      return;
    }
    const minor = this.#freeMinor();
    this.#groups.set(name, { minor, members: new Set([address]) });
    await makeNode(join(this.folder, name), { major: memory, minor });
  }

  /** vfio-pci has let go of a function. */
  async unbound(address: PciAddress): Promise<void> {
    for (const [name, { members }] of this.#groups) {
      if (!members.delete(address) || members.size > 0) continue;
      this.#groups.delete(name);
      await rm(join(this.folder, name));
    }
  }

  /** With more groups than there are such devices the others have nothing behind them: opening one is ENXIO. */
  #freeMinor(): number {
    const taken = new Set([...this.#groups.values()].map(({ minor }) => minor));
    const free = groupMinors.find((minor) => !taken.has(minor));
    return free ?? Math.max(1_000, ...taken) + 1;
  }
}

async function makeNode(path: string, { major, minor }: DeviceNumber): Promise<void> {
  await promisify(execFile)('mknod', ['--mode=600', path, 'c', String(major), String(minor)]);
}
