import { ForwarderError } from '../ports/error.js';
import { comparePciAddress, type PciAddress, parsePciAddress } from '../ports/pci-address.js';
import { listNames } from './read-attribute.js';
import { functionAttribute, type SysfsRoots } from './sysfs-tree.js';

/** The functions of a function's IOMMU group. What else may be in a group (platform devices) is no function. */
export async function readGroupMembers(roots: SysfsRoots, address: PciAddress): Promise<readonly PciAddress[]> {
  const members = await listNames(functionAttribute(roots, address, 'iommu_group/devices'));
  return members.flatMap(functionAddress).sort(comparePciAddress);
}

function functionAddress(name: string): readonly PciAddress[] {
  try {
    return [parsePciAddress(name)];
  } catch (error) {
    if (error instanceof ForwarderError && error.kind === 'invalid') return [];
    throw error;
  }
}
