import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import { pathExists, readAttribute } from './read-attribute.js';
import { functionAttribute, type SysfsRoots } from './sysfs-tree.js';

/** Ways to reset one function and nothing beside it (kernel: pci_reset_fn_methods); the rest reset a slot or a bus. */
const ofOneFunction: ReadonlySet<string> = new Set(['flr', 'af_flr', 'device_specific', 'acpi', 'pm']);

/**
 * Why a function cannot be reset by itself; undefined when it can. The kernel tries the methods that `reset_method`
 * lists (Linux 5.15) from left to right, so the first one decides; older kernels have `reset` alone, and prefer FLR.
 */
async function whyNotResettable(roots: SysfsRoots, address: PciAddress): Promise<string | undefined> {
  const isPresent = await pathExists(functionAttribute(roots, address, 'reset'));
  if (!isPresent) return 'the kernel knows no way to reset it (it has no reset)';
  const methods = await readAttribute(functionAttribute(roots, address, 'reset_method'));
  if (methods === undefined) return undefined;
  const [first = ''] = methods.split(/\s+/);
  if (ofOneFunction.has(first)) return undefined;
  return first === ''
    ? 'all ways to reset it are switched off (reset_method is empty)'
    : `its reset (${methods} in reset_method) would hit the functions beside it as well`;
}

/** See {@link PciBus.isResettable}. */
export async function isResettable(roots: SysfsRoots, address: PciAddress): Promise<boolean> {
  const isVf = await pathExists(functionAttribute(roots, address, 'physfn'));
  return isVf && (await whyNotResettable(roots, address)) === undefined;
}

/** @throws ForwarderError `unsupported`, with the reason */
export async function requireResettable(roots: SysfsRoots, address: PciAddress): Promise<void> {
  const why = await whyNotResettable(roots, address);
  if (why !== undefined) throw new ForwarderError('unsupported', `${address} is not reset: ${why}`);
}
