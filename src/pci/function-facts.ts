import { ForwarderError } from '../ports/error.js';
import { type PciAddress, parsePciAddress } from '../ports/pci-address.js';
import type { FunctionFacts } from '../ports/pci-bus.js';
import { parseAttributeNumber } from './attribute-number.js';
import { isUserspaceDriver } from './driver-name.js';
import { readFunctionNetdevs } from './function-netdevs.js';
import { pathExists, readAttribute, readLinkName } from './read-attribute.js';
import { functionAttribute, functionFolder, type SysfsRoots } from './sysfs-tree.js';

/**
 * The facts of one function.
 *
 * @throws ForwarderError `not-found`; `invalid` when the kernel's text makes no sense (a group that is no number)
 */
export async function readFunctionFacts(roots: SysfsRoots, address: PciAddress): Promise<FunctionFacts> {
  const attribute = (name: string) => functionAttribute(roots, address, name);
  const driver = await readLinkName(attribute('driver'));
  if (driver === undefined) await requireFunction(roots, address);
  const group = await readLinkName(attribute('iommu_group'));
  const pf = await readLinkName(attribute('physfn'));
  const mayHaveNetdevs = driver !== undefined && !isUserspaceDriver(driver);
  const netdevs = mayHaveNetdevs ? await readFunctionNetdevs(attribute('net'), pf !== undefined) : [];
  return {
    address,
    netdevs,
    ...(driver !== undefined && { driver }),
    ...(group !== undefined && { iommuGroup: parseAttributeNumber(`iommu_group of ${address}`, group) }),
    ...(pf !== undefined && { physicalFunction: parsePciAddress(pf) }),
  };
}

/** See {@link PciBus.numaNode}. @throws ForwarderError `not-found`, or `invalid` when it is no number */
export async function readNumaNode(roots: SysfsRoots, address: PciAddress): Promise<number | undefined> {
  const text = await readAttribute(functionAttribute(roots, address, 'numa_node'));
  if (text === undefined) await requireFunction(roots, address);
  const node = text === undefined ? -1 : parseAttributeNumber(`numa_node of ${address}`, text);
  return node >= 0 ? node : undefined;
}

/** @throws ForwarderError `not-found`, naming the folder that was looked for */
export async function requireFunction(roots: SysfsRoots, address: PciAddress): Promise<void> {
  const folder = functionFolder(roots, address);
  if (await pathExists(folder)) return;
  throw new ForwarderError('not-found', `there is no PCI function ${address}: ${folder} does not exist`);
}
