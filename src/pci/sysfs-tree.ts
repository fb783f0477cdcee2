import { join } from 'node:path';
import type { PciAddress } from '../ports/pci-address.js';

/** Where the PCI tree is mounted, as the settings say: `/sys/bus/pci/devices` and `/sys/bus/pci/drivers` on a plain node. */
export interface SysfsRoots {
  readonly devices: string;
  readonly drivers: string;
}

/** The folder of a function. Sysfs names folders by the long form, so a short address of a settings file works too. */
export function functionFolder(roots: SysfsRoots, address: PciAddress): string {
  return join(roots.devices, address);
}

/** An attribute of a function, such as `numa_node`. */
export function functionAttribute(roots: SysfsRoots, address: PciAddress, attribute: string): string {
  return join(roots.devices, address, attribute);
}

/** The folder of a driver, which is there while the driver is registered on the bus. */
export function driverFolder(roots: SysfsRoots, driver: string): string {
  return join(roots.drivers, driver);
}

/** A driver's attribute, such as `bind`. */
export function driverAttribute(roots: SysfsRoots, driver: string, attribute: string): string {
  return join(roots.drivers, driver, attribute);
}
