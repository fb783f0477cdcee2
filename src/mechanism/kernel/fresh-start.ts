import type { Entry } from '../../ledger/entry.js';
import type { JsonObject } from '../../ports/json.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { Work } from './configure-ip.js';
import { awaitAtHome } from './find-at-home.js';
import { functionOf } from './function-of.js';
import { giveTravelName } from './home-name.js';
import type { World } from './world.js';

/** A VF that is about to be used, as it was found at home. */
export interface UnusedFunction {
  readonly function: PciAddress;
  /** The driver that makes its netdev. */
  readonly driver: string;
  /** Of its netdev. */
  readonly name: string;
  readonly resettable: boolean;
  /** True when its netdev shows the function behind it, as all hardware does. */
  readonly parented: boolean;
}

interface UseArgs {
  readonly driver: string;
  /** Absent where it is not known: then the netdev keeps the one that it is made with. */
  readonly name?: string;
  readonly reset: boolean;
}

/**
 * Puts on record that a VF gets a user, after whom it has to start afresh. It is the user's doing that is taken back,
 * so there is nothing to be done now.
 *
 * A netdev that is only moved home keeps what no netlink message of ours can see: VLAN devices that the client made on
 * it, which stay in the client's namespace and go on working, programs (XDP, tc), ring sizes, filters in the card. With
 * its driver the netdev goes, and all that hangs on it; the reset (FLR) clears the card. What is neither resettable nor
 * hardware (a virtual link in the place of a VF) is left alone.
 *
 * @returns true when it was recorded: the driver will be bound anew after the VF's settings on its PF are back
 */
export async function recordUse(world: World, it: UnusedFunction, { ledger }: Work): Promise<boolean> {
  if (!world.resetVfs || !(it.resettable || it.parented)) return false;
  const args: UseArgs & JsonObject = { driver: it.driver, name: it.name, reset: it.resettable };
  await ledger.perform({ kind: 'function-used', args, function: it.function }, async () => undefined);
  return true;
}

/**
 * The inverse: unbound, reset, bound again, its new netdev awaited. A VF without driver is one where this was begun.
 * Resets that were switched off meanwhile are left out: that is how a person gets a VF back whose card fails at it.
 */
export async function startAfresh(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const address = functionOf(entry);
  const { driver, name, reset } = entry.args as unknown as UseArgs;
  await world.pci.unbind(address, signal);
  if (reset && world.resetVfs) await world.pci.reset(address, signal);
  await world.pci.bind(address, driver, signal);
  const link = await awaitAtHome(world, address, signal);
  if (name !== undefined && link.name !== name) await giveTravelName(world, { function: address, link }, signal);
}
