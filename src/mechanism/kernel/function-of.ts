import type { Entry } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';

/** The VF that an entry concerns. @throws ForwarderError `unknown` for one that names none */
export function functionOf(entry: Entry): PciAddress {
  if (entry.function === undefined) throw new ForwarderError('unknown', `a step of kind ${entry.kind} names no VF`);
  return entry.function;
}
