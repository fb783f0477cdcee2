import { join } from 'node:path';
import type { FunctionNetdev } from '../ports/pci-bus.js';
import { parseAttributeNumber } from './attribute-number.js';
import { listNames, readNetdevAttribute } from './read-attribute.js';

/**
 * The netdevs of a function's `net` folder, by port and then by name. The folder is missing while no network driver is
 * bound, and empty while the netdev is in another namespace.
 */
export async function readFunctionNetdevs(folder: string): Promise<readonly FunctionNetdev[]> {
  const names = await listNames(folder);
  const netdevs = await Promise.all(names.map((name) => readNetdev(folder, name)));
  return netdevs.sort((a, b) => (a.devPort ?? 0) - (b.devPort ?? 0) || (a.name < b.name ? -1 : 1));
}

async function readNetdev(folder: string, name: string): Promise<FunctionNetdev> {
  const [physPortName, devPort, assignType] = await Promise.all(
    ['phys_port_name', 'dev_port', 'addr_assign_type'].map((attribute) =>
      readNetdevAttribute(join(folder, name, attribute)),
    ),
  );
  return {
    name,
    ...(physPortName && { physPortName }),
    ...(devPort && { devPort: parseAttributeNumber(`dev_port of ${name}`, devPort) }),
    ...(assignType && assignType !== '0' && { ownMac: true as const }),
  };
}
