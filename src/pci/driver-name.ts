import { ForwarderError } from '../ports/error.js';

/**
 * A driver's name comes from a settings file and becomes a folder's name.
 *
 * @throws ForwarderError `invalid`, naming the value and the rule
 */
export function requireDriverName(driver: string): void {
  if (/^[^/\s]+$/.test(driver) && !driver.includes('\0') && !/^\.{1,2}$/.test(driver)) return;
  throw new ForwarderError(
    'invalid',
    `${JSON.stringify(driver)} is not a driver's name: expected a name such as vfio-pci, without slashes or spaces`,
  );
}

/**
 * True for drivers that hand a function to a process and take none by themselves. They keep their `driver_override`
 * while bound, so that no `drivers_probe` of somebody else can give the function to another driver.
 */
export function isUserspaceDriver(driver: string): boolean {
  return /vfio|uio|^pci-stub$/.test(driver);
}
