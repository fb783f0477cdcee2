import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Link } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import { chooseNetdev } from './choose-netdev.js';
import type { World } from './world.js';

/** Pauses between looks for a netdev that a driver registers a while after it was bound (iavf does). */
const pauseMs = 50;

/** A VF's netdev at home. */
export interface HomeNetdev extends Link {
  /** See {@link FunctionNetdev.ownMac}. */
  readonly ownMac: boolean;
}

/**
 * The netdev of a function in the home namespace, by what the PCI tree has just said of it.
 *
 * @throws ForwarderError `not-found` when there is none
 */
export async function findAtHome(world: World, facts: FunctionFacts, signal: AbortSignal): Promise<HomeNetdev> {
  const { address } = facts;
  const { name, ownMac = false } = chooseNetdev(facts);
  const link = await world.namespaces.home.links.find({ name }, signal);
  if (link !== undefined && (link.parent === undefined || link.parent === address)) return { ...link, ownMac };
  // Renamed between the two looks (udev does that): its parent device tells it all the same.
  const renamed = await world.namespaces.home.links.find({ parent: address }, signal);
  if (renamed !== undefined) return { ...renamed, ownMac };
  throw new ForwarderError('not-found', `${address}: its netdev ${name} is not in the home namespace`, {
    details: { function: address, netdev: name },
  });
}

/** The same for a function whose driver was bound just now: waits until the netdev is there or the signal aborts. */
export async function awaitAtHome(world: World, address: PciAddress, signal: AbortSignal): Promise<HomeNetdev> {
  for (;;) {
    try {
      return await findAtHome(world, await world.pci.facts(address), signal);
    } catch (thrown) {
      if (!(thrown instanceof ForwarderError) || thrown.kind !== 'not-found') throw thrown;
      await world.clock.sleep(pauseMs, signal).catch(() => {
        throw gaveUp(signal, thrown);
      });
    }
  }
}

/** Says what was waited for, not only that somebody grew tired of it. */
function gaveUp(signal: AbortSignal, missing: ForwarderError): ForwarderError {
  const { kind, message } = toForwarderError(signal.reason);
  return new ForwarderError(kind, `${missing.message} (${message})`, { cause: missing, details: missing.details });
}
