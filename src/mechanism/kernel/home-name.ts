import { ForwarderError } from '../../ports/error.js';
import type { Link } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { travelName } from './interface-name.js';
import type { World } from './world.js';

/** A VF's netdev at home. */
export interface NetdevAtHome {
  readonly function: PciAddress;
  readonly link: Link;
}

/** How often a name that is taken is tried again, and the pause before each time. */
const patience = { tries: 20, pauseMs: 50 };

/**
 * Gives a netdev the name that it had before it went to a client. When a driver is bound anew, the kernel gives its netdev
 * the first free name, which may be that of a VF that is away: such a name is free again after a moment. When another
 * netdev keeps it, the travel name stays: it tells whose it is.
 */
export async function giveHomeName(
  world: World,
  { name, ...netdev }: NetdevAtHome & { readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  if (netdev.link.name === name || (await rename(world, { ...netdev, name }, signal))) return;
  await giveTravelName(world, netdev, signal);
  for (let tries = 0; tries < patience.tries; tries += 1) {
    await world.clock.sleep(patience.pauseMs, signal);
    if (await rename(world, { ...netdev, name }, signal)) return;
  }
}

/** Gives a new netdev the name that nobody else wants, so that the kernel's choice stands in nobody's way. */
export async function giveTravelName(world: World, netdev: NetdevAtHome, signal: AbortSignal): Promise<void> {
  const name = travelName(netdev.function);
  if (netdev.link.name !== name) await rename(world, { ...netdev, name }, signal);
}

/** False when another netdev has the name. */
async function rename(
  { namespaces }: World,
  { link, name }: NetdevAtHome & { readonly name: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await namespaces.home.links.change(link.index, { name }, signal);
    return true;
  } catch (error) {
    if (error instanceof ForwarderError && error.kind === 'exists') return false;
    throw error;
  }
}
