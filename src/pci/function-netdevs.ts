import { join } from 'node:path';
import type { FunctionNetdev } from '../ports/pci-bus.js';
import { parseAttributeNumber } from './attribute-number.js';
import { listNames, readLockedAttribute, readNetdevAttribute } from './read-attribute.js';

/**
 * The netdevs of a function's `net` folder, by port and then by name. The folder is missing while no network driver is
 * bound, and empty while the netdev is in another namespace.
 *
 * @param ofVf - representors are beside the netdevs of PFs; the only netdev of a VF needs no name of its port
 */
export async function readFunctionNetdevs(folder: string, ofVf: boolean): Promise<readonly FunctionNetdev[]> {
  const names = await listNames(folder);
  const clear = ofVf && names.length === 1;
  const netdevs = await Promise.all(names.map((name) => readNetdev(join(folder, name), name, clear)));
  return netdevs.sort((a, b) => (a.devPort ?? 0) - (b.devPort ?? 0) || (a.name < b.name ? -1 : 1));
}

async function readNetdev(folder: string, name: string, clear: boolean): Promise<FunctionNetdev> {
  const physPortName = clear ? undefined : await readLockedAttribute(join(folder, 'phys_port_name'));
  const devPort = await readNetdevAttribute(join(folder, 'dev_port'));
  const assignType = await readNetdevAttribute(join(folder, 'addr_assign_type'));
  return {
    name,
    ...(physPortName && { physPortName }),
    ...(devPort && { devPort: parseAttributeNumber(`dev_port of ${name}`, devPort) }),
    ...(assignType && assignType !== '0' && { ownMac: true as const }),
  };
}
