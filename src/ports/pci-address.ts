import { ForwarderError } from './error.js';

/** A PCI function's address in its one normal form: lower case, long, `dddd:bb:dd.f` (domains of up to 8 hex digits). */
export type PciAddress = string & { readonly __pciAddress: never };

const pattern = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/;

/**
 * Reads an address in any accepted form: long or short (`01:00.0` means domain 0000), any letter case.
 *
 * @throws ForwarderError `invalid`, naming the value and the form
 */
export function parsePciAddress(text: string): PciAddress {
  const match = pattern.exec(text.toLowerCase());
  if (match === null) {
    throw new ForwarderError(
      'invalid',
      `${JSON.stringify(text)} is not a PCI address: expected [dddd:]bb:dd.f in hexadecimal, device 00-1f, function 0-7`,
    );
  }
  const [, domain = '0000', bus, device, fn] = match;
  return `${domain.replace(/^0+(?=[0-9a-f]{4})/, '')}:${bus}:${device}.${fn}` as PciAddress;
}

/** Orders addresses by number, not by text: domains of different lengths compare right. */
export function comparePciAddress(a: PciAddress, b: PciAddress): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
