import { ForwarderError } from '../ports/error.js';
import { comparePciAddress, type PciAddress, parsePciAddress } from '../ports/pci-address.js';
import { listNames, readLinkName } from './read-attribute.js';
import { functionAttribute, type SysfsRoots } from './sysfs-tree.js';

/**
 * The functions of an IOMMU group, by way of any function of the tree that is in it: where groups have their folder is
 * told by that function's link alone. What else may be in a group (platform devices) is no function.
 */
export async function readGroupMembers(roots: SysfsRoots, iommuGroup: number): Promise<readonly PciAddress[]> {
  const functions = await listNames(roots.devices);
  const groups = await Promise.all(functions.map((name) => readLinkName(groupLink(roots, name))));
  const one = functions[groups.indexOf(`${iommuGroup}`)];
  if (one === undefined) return [];
  const members = await listNames(`${groupLink(roots, one)}/devices`);
  return members.flatMap(functionAddress).sort(comparePciAddress);
}

function groupLink(roots: SysfsRoots, name: string): string {
  return functionAttribute(roots, name as PciAddress, 'iommu_group');
}

function functionAddress(name: string): readonly PciAddress[] {
  try {
    return [parsePciAddress(name)];
  } catch (error) {
    if (error instanceof ForwarderError && error.kind === 'invalid') return [];
    throw error;
  }
}
