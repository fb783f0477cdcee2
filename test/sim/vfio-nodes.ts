import type { DeviceNumber } from '../../src/ports/device-access.js';
import type { VfioGroup } from '../../src/ports/vfio-devices.js';

interface SimNodeOfGroup extends VfioGroup {
  openings: number;
}

/** Dynamic, as on the machine it was read from. */
const major = 245;

/** The nodes below `/dev/vfio`: one for each IOMMU group of which a function is bound to vfio-pci. */
export class VfioNodes {
  readonly #groups = new Map<number, SimNodeOfGroup>();
  #minors = 0;

  get(iommuGroup: number): SimNodeOfGroup | undefined {
    return this.#groups.get(iommuGroup);
  }

  /** The number is another one each time that the node appears. */
  appear(iommuGroup: number, noIommu: boolean): void {
    if (this.#groups.has(iommuGroup)) return;
    this.#minors += 1;
    this.#groups.set(iommuGroup, { iommuGroup, noIommu, device: { major, minor: this.#minors }, openings: 0 });
  }

  vanish(iommuGroup: number): void {
    this.#groups.delete(iommuGroup);
  }

  /** A process has the group open until disposed. */
  open(iommuGroup: number): Disposable {
    const node = this.#groups.get(iommuGroup);
    if (node === undefined) throw new Error(`no /dev/vfio/${iommuGroup}`);
    if (node.openings > 0) throw new Error(`/dev/vfio/${iommuGroup} is open already: EBUSY`);
    node.openings += 1;
    return {
      [Symbol.dispose]: () => {
        node.openings -= 1;
      },
    };
  }

  /** Which group has this number now. */
  named({ minor, ...device }: DeviceNumber): number | undefined {
    return [...this.#groups.values()].find((it) => it.device.major === device.major && it.device.minor === minor)
      ?.iommuGroup;
  }
}
