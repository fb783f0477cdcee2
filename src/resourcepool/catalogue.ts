import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';

/** A function that can be given to a client. */
export interface PoolFunction {
  readonly address: PciAddress;
  /** The index under which its PF knows it; the position in the PF's list unless that list leaves VFs out. */
  readonly vfIndex?: number;
  /** Absent when no IOMMU is active: such a function serves the kernel mechanism only, unless the next one says more. */
  readonly iommuGroup?: number;
  /** It may serve VFIO without an IOMMU group, which the administrator has to allow. */
  readonly vfioWithoutGroup?: true;
  /** Absent when unknown. */
  readonly numaNode?: number;
  /** True when the IOMMU group also holds a PF; vfio-pci would then take the PF away, and with it all its VFs. */
  readonly groupHasPhysicalFunction: boolean;
}

/** A PF with the names under which its VFs are offered. */
export interface PoolPhysicalFunction {
  readonly address: PciAddress;
  /** Token names, `domain/capability`, each once. */
  readonly names: readonly string[];
  /** In the order of the VF index. */
  readonly virtualFunctions: readonly PoolFunction[];
}

/** Everything that a node has to give. Functions without a PF would be one more member. */
export interface Catalogue {
  readonly physicalFunctions: readonly PoolPhysicalFunction[];
}

/** The VF index of the function at this position of its PF's list. */
export function vfIndexAt(pf: PoolPhysicalFunction, position: number): number {
  return pf.virtualFunctions[position]?.vfIndex ?? position;
}

/**
 * Checks that nothing is listed twice: a function would be given out twice, a name would have twice the tokens, and
 * with two VFs of one index the settings of one would reach the other.
 *
 * @throws ForwarderError `invalid`, naming the address, name or index and the PFs that list it
 */
export function validateCatalogue(catalogue: Catalogue): void {
  const listedBy = new Map<PciAddress, string>();
  for (const pf of catalogue.physicalFunctions) {
    rejectDuplicate(listedBy, pf.address, 'a PF of its own');
    rejectDuplicateName(pf);
    rejectDuplicateIndex(pf);
    for (const vf of pf.virtualFunctions) rejectDuplicate(listedBy, vf.address, `a VF of PF ${pf.address}`);
  }
}

function rejectDuplicate(listedBy: Map<PciAddress, string>, address: PciAddress, as: string): void {
  const before = listedBy.get(address);
  if (before !== undefined) {
    throw new ForwarderError(
      'invalid',
      `function ${address} is listed as ${before} and again as ${as}: a function is listed once`,
    );
  }
  listedBy.set(address, as);
}

function rejectDuplicateName(pf: PoolPhysicalFunction): void {
  const twice = pf.names.find((name, index) => pf.names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new ForwarderError(
    'invalid',
    `PF ${pf.address} offers ${JSON.stringify(twice)} twice: a PF offers a name once`,
  );
}

function rejectDuplicateIndex(pf: PoolPhysicalFunction): void {
  const byIndex = new Map<number, PciAddress>();
  for (const [position, { address }] of pf.virtualFunctions.entries()) {
    const index = vfIndexAt(pf, position);
    const before = byIndex.get(index);
    if (before !== undefined) {
      throw new ForwarderError(
        'invalid',
        `VFs ${before} and ${address} of PF ${pf.address} both have the index ${index}: an index is one VF's`,
      );
    }
    byIndex.set(index, address);
  }
}
