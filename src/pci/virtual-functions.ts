import { ForwarderError } from '../ports/error.js';
import { type PciAddress, parsePciAddress } from '../ports/pci-address.js';
import { requireFunction } from './function-facts.js';
import { listNames, readLinkName } from './read-attribute.js';
import { functionAttribute, functionFolder, type SysfsRoots } from './sysfs-tree.js';

/**
 * The VFs of a PF in the order of their numbers, so that position 10 is the kernel's VF 10: sorted as text, `virtfn10`
 * would come before `virtfn2`.
 *
 * @throws ForwarderError `not-found`; `unavailable` when numbers are missing, as while VFs are being made or removed
 */
export async function readVirtualFunctions(roots: SysfsRoots, pf: PciAddress): Promise<readonly PciAddress[]> {
  const numbers = vfNumbers(await listNames(functionFolder(roots, pf)));
  if (numbers.length === 0) await requireFunction(roots, pf);
  const gap = numbers.findIndex((number, position) => number !== position);
  if (gap !== -1) throw changing(pf, `virtfn${gap} is missing among ${numbers.length}`);
  return Promise.all(numbers.map((number) => readVirtualFunction(roots, pf, number)));
}

function vfNumbers(names: readonly string[]): readonly number[] {
  const numbers = names.flatMap((name) => {
    const digits = /^virtfn(\d+)$/.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
  return numbers.sort((a, b) => a - b);
}

async function readVirtualFunction(roots: SysfsRoots, pf: PciAddress, number: number): Promise<PciAddress> {
  const name = await readLinkName(functionAttribute(roots, pf, `virtfn${number}`));
  if (name === undefined) throw changing(pf, `virtfn${number} has just gone`);
  return parsePciAddress(name);
}

function changing(pf: PciAddress, what: string): ForwarderError {
  return new ForwarderError('unavailable', `the VFs of ${pf} are being made or removed right now: ${what}`);
}
