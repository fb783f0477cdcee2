import { type GroupReader, whyNoVfio } from '../mechanism/vfio/iommu-rules.js';
import { vfioDriver } from '../mechanism/vfio/vfio-world.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';

/** How many VFs are looked at a time. */
const batch = 32;

/** Tells in the log which VFs can serve VFIO as things are, and why the others cannot: one line for each reason. */
export async function reportVfio(reader: GroupReader, functions: readonly PciAddress[], log: Log): Promise<void> {
  if (!(await reader.pci.hasDriver(vfioDriver))) {
    log.info(`no VF can serve VFIO: load its module (modprobe ${vfioDriver})`, { functions: functions.length });
    return;
  }
  const able: PciAddress[] = [];
  const unable = new Map<string, PciAddress[]>();
  for (let start = 0; start < functions.length; start += batch) {
    const part = functions.slice(start, start + batch);
    const reasons = await Promise.all(part.map((address) => reasonAgainst(reader, address)));
    for (const [n, address] of part.entries()) {
      const reason = reasons[n];
      if (reason === undefined) able.push(address);
      else unable.set(reason, [...(unable.get(reason) ?? []), address]);
    }
  }
  if (able.length > 0) log.info('VFs can serve VFIO', { functions: able });
  for (const [reason, addresses] of unable) log.info('VFs cannot serve VFIO', { reason, functions: addresses });
}

/** Without the function's own address, so that functions with the same trouble share a line. */
async function reasonAgainst(reader: GroupReader, address: PciAddress): Promise<string | undefined> {
  try {
    return (await whyNoVfio(reader, address))?.replace(`${address} cannot serve VFIO: `, '');
  } catch (thrown) {
    return toForwarderError(thrown).message;
  }
}
