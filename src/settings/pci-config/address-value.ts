import { type PciAddress, parsePciAddress } from '../../ports/pci-address.js';
import { broken, type Parsed, valid } from '../parsed.js';
import type { ConfigValue } from './config-value.js';
import { scalar } from './scalar-value.js';

/** What {@link parsePciAddress} accepts, for the schema. */
export const addressPattern = '^(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[01][0-9a-fA-F]\\.[0-7]$';

export function parseAddress(text: string): Parsed<PciAddress> {
  try {
    return valid(parsePciAddress(text));
  } catch {
    return broken('must be a PCI address [dddd:]bb:dd.f in hexadecimal, device 00-1f, function 0-7');
  }
}

const pciAddress = scalar('PCI address', parseAddress, { type: 'string', pattern: addressPattern });

/** The address of a function in any accepted form, read in its normal form; the file may name it only once. */
export const functionAddress: ConfigValue<PciAddress> = {
  ...pciAddress,
  read(at, source) {
    const address = pciAddress.read(at, source);
    return address !== undefined && source.isNewFunction(address, at.at) ? address : undefined;
  },
};
