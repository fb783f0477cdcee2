import { ForwarderError } from '../ports/error.js';
import { type PciAddress, parsePciAddress } from '../ports/pci-address.js';
import type { FunctionFacts } from '../ports/pci-bus.js';
import { parseAttributeNumber } from './attribute-number.js';
import { readFunctionNetdevs } from './function-netdevs.js';
import { whyNotResettable } from './function-reset.js';
import { pathExists, readAttribute, readLinkName } from './read-attribute.js';
import { functionAttribute, functionFolder, type SysfsRoots } from './sysfs-tree.js';

/**
 * The facts of one function.
 *
 * @throws ForwarderError `not-found`; `invalid` when the kernel's text makes no sense (a group that is no number)
 */
export async function readFunctionFacts(roots: SysfsRoots, address: PciAddress): Promise<FunctionFacts> {
  const attribute = (name: string) => functionAttribute(roots, address, name);
  await requireFunction(roots, address);
  const driver = await readLinkName(attribute('driver'));
  const group = await readLinkName(attribute('iommu_group'));
  const numa = await readAttribute(attribute('numa_node'));
  const pf = await readLinkName(attribute('physfn'));
  const netdevs = await readFunctionNetdevs(attribute('net'), pf !== undefined);
  const resettable = pf !== undefined && (await whyNotResettable(roots, address)) === undefined;
  const numaNode = numa === undefined ? -1 : parseAttributeNumber(`numa_node of ${address}`, numa);
  return {
    address,
    netdevs,
    ...(driver !== undefined && { driver }),
    ...(group !== undefined && { iommuGroup: parseAttributeNumber(`iommu_group of ${address}`, group) }),
    ...(numaNode >= 0 && { numaNode }),
    ...(pf !== undefined && { physicalFunction: parsePciAddress(pf) }),
    ...(resettable && { resettable }),
  };
}

/** @throws ForwarderError `not-found`, naming the folder that was looked for */
export async function requireFunction(roots: SysfsRoots, address: PciAddress): Promise<void> {
  const folder = functionFolder(roots, address);
  if (await pathExists(folder)) return;
  throw new ForwarderError('not-found', `there is no PCI function ${address}: ${folder} does not exist`);
}
