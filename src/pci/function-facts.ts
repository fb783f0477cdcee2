import { stat } from 'node:fs/promises';
import { ForwarderError } from '../ports/error.js';
import { type PciAddress, parsePciAddress } from '../ports/pci-address.js';
import type { FunctionFacts } from '../ports/pci-bus.js';
import { parseAttributeNumber } from './attribute-number.js';
import { errnoOf } from './errno.js';
import { readFunctionNetdevs } from './function-netdevs.js';
import { whyNotResettable } from './function-reset.js';
import { readAttribute, readLinkName } from './read-attribute.js';
import { functionAttribute, functionFolder, type SysfsRoots } from './sysfs-tree.js';

/**
 * The facts of one function, read at once so that a claim waits for one round of the file system.
 *
 * @throws ForwarderError `not-found`; `invalid` when the kernel's text makes no sense (a group that is no number)
 */
export async function readFunctionFacts(roots: SysfsRoots, address: PciAddress): Promise<FunctionFacts> {
  const attribute = (name: string) => functionAttribute(roots, address, name);
  const physfn = readLinkName(attribute('physfn'));
  const [, driver, group, numa, pf, netdevs, resettable] = await Promise.all([
    requireFunction(roots, address),
    readLinkName(attribute('driver')),
    readLinkName(attribute('iommu_group')),
    readAttribute(attribute('numa_node')),
    physfn,
    readFunctionNetdevs(attribute('net')),
    physfn.then(async (found) => found !== undefined && (await whyNotResettable(roots, address)) === undefined),
  ]);
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
  try {
    await stat(folder);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause;
    throw new ForwarderError('not-found', `there is no PCI function ${address}: ${folder} does not exist`, { cause });
  }
}
