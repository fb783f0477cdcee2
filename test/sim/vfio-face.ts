import type { DeviceNumber } from '../../src/ports/device-access.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { VfioDevices, VfioGroup } from '../../src/ports/vfio-devices.js';
import type { CallGate } from './call-gate.js';
import type { PciTree } from './pci-tree.js';

/** {@link VfioDevices} of one process. */
export class VfioFace implements VfioDevices {
  readonly #gate: CallGate;
  readonly #tree: PciTree;

  constructor(gate: CallGate, tree: PciTree) {
    this.#gate = gate;
    this.#tree = tree;
  }

  container(): Promise<DeviceNumber> {
    return this.#gate.call('vfio.container', undefined, () => {
      if (this.#tree.hasDriver('vfio-pci')) return { major: 10, minor: 196 };
      throw new ForwarderError('not-found', '/dev/vfio/vfio does not exist: load its module (modprobe vfio-pci)');
    });
  }

  group(iommuGroup: number): Promise<VfioGroup | undefined> {
    return this.#gate.call(`vfio.group ${iommuGroup}`, undefined, () => {
      const node = this.#tree.vfio.get(iommuGroup);
      return node && { iommuGroup, device: node.device, noIommu: node.noIommu };
    });
  }

  isOpen(iommuGroup: number): Promise<boolean> {
    return this.#gate.call(`vfio.isOpen ${iommuGroup}`, undefined, () => {
      return (this.#tree.vfio.get(iommuGroup)?.openings ?? 0) > 0 || this.#tree.inUse(iommuGroup);
    });
  }
}
