import { close, constants, open, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DeviceNumber } from '../ports/device-access.js';
import { ForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { VfioDevices, VfioGroup } from '../ports/vfio-devices.js';

interface GroupNode extends VfioGroup {
  readonly path: string;
}

/**
 * The nodes that the kernel makes below `/dev/vfio`: `vfio` with the module, `<group>` or, without an IOMMU,
 * `noiommu-<group>` while one of the group's functions is bound to a VFIO driver. They have dynamic numbers.
 */
export class VfioFolder implements VfioDevices {
  readonly #folder: string;
  readonly #log: Log;
  /** Why a group could not be opened when that was last tried: it is said once, not for each connection. */
  readonly #said = new Map<number, string>();

  /** @param folder - where the host's `/dev/vfio` is */
  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  async container(): Promise<DeviceNumber> {
    const path = join(this.#folder, 'vfio');
    const device = deviceAt(path);
    if (device !== undefined) return device;
    throw new ForwarderError(
      'not-found',
      `${path} does not exist: load its module (modprobe vfio-pci), and mount the host's /dev/vfio`,
    );
  }

  async group(iommuGroup: number): Promise<VfioGroup | undefined> {
    const node = this.#find(iommuGroup);
    return node && { iommuGroup, device: node.device, noIommu: node.noIommu };
  }

  async isOpen(iommuGroup: number): Promise<boolean> {
    const node = this.#find(iommuGroup);
    if (node === undefined) return false;
    const errno = await whyNotOpened(node.path);
    if (errno === 'EBUSY') return true;
    if (errno === undefined) this.#said.delete(iommuGroup);
    else this.#say(iommuGroup, errno);
    return false;
  }

  #say(iommuGroup: number, errno: string): void {
    if (this.#said.get(iommuGroup) === errno) return;
    this.#said.set(iommuGroup, errno);
    this.#log.info('a VFIO group cannot be opened, so nobody has it', { iommuGroup, errno });
  }

  #find(iommuGroup: number): GroupNode | undefined {
    for (const noIommu of [false, true]) {
      const path = join(this.#folder, noIommu ? `noiommu-${iommuGroup}` : String(iommuGroup));
      const device = deviceAt(path);
      if (device !== undefined) return { iommuGroup, device, noIommu, path };
    }
    return undefined;
  }
}

/** The number of a character device's node; undefined when there is no such file. @throws ForwarderError `invalid` */
function deviceAt(path: string): DeviceNumber | undefined {
  const status = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (status === undefined) return undefined;
  if (!status.isCharacterDevice()) throw new ForwarderError('invalid', `${path} is not a character device`);
  return deviceNumber(status.rdev);
}

/** As the C library packs it (makedev(3)): 12 bits of the major above 8 of the minor, what is left of both above. */
function deviceNumber(packed: bigint): DeviceNumber {
  return {
    major: Number(((packed >> 8n) & 0xfffn) | ((packed >> 32n) & 0xfffff000n)),
    minor: Number((packed & 0xffn) | ((packed >> 12n) & 0xffffff00n)),
  };
}

/** Opens and closes it, both in the thread pool: the kernel may wait for the group. @returns the errno, when it cannot be opened */
function whyNotOpened(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    open(path, constants.O_RDWR | constants.O_NONBLOCK, (error, fd) => {
      if (error === null) close(fd, () => resolve(undefined));
      else resolve(error.code ?? error.message);
    });
  });
}
