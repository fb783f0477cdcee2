import type { PciAddress } from '../../src/ports/pci-address.js';
import type { Grouping, SimulatedFunction } from './options.js';

/** Gives group numbers in the order in which functions appear, as the kernel does: VFs made again get new ones. */
export class IommuGroups {
  readonly #ofPf = new Map<PciAddress, number>();
  #last = 0;

  /** The new function's group; undefined without an IOMMU. */
  assign({ address, physicalFunction, vf }: SimulatedFunction, grouping: Grouping): number | undefined {
    if (typeof grouping === 'function') return grouping(vf);
    if (grouping === 'none' || grouping === 'made-up') return undefined;
    if (grouping === 'shared' && physicalFunction !== undefined) return this.#ofPf.get(physicalFunction);
    const group = this.makeUp();
    if (physicalFunction === undefined) this.#ofPf.set(address, group);
    return group;
  }

  /** A group for a function that a driver wants in one although no IOMMU stands behind it. */
  makeUp(): number {
    this.#last += 1;
    return this.#last;
  }
}
