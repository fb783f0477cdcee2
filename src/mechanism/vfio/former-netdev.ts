import { ForwarderError } from '../../ports/error.js';
import type { LinkChange } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import { returnAltNames } from '../kernel/alt-names.js';
import { awaitAtHome, findAtHome } from '../kernel/find-at-home.js';
import { giveHomeName } from '../kernel/home-name.js';
import type { FormerNetdev, VfioWorld } from './vfio-world.js';

/** A netdev that has just come home may be renamed at that very moment, by us or by udev. */
const mostLooks = 10;
const pauseMs = 20;

/** The netdev that a function is about to lose with its driver; undefined when it has none. */
export async function readFormerNetdev(
  world: VfioWorld,
  facts: FunctionFacts,
  signal: AbortSignal,
): Promise<FormerNetdev | undefined> {
  for (let look = 1, seen = facts; seen.netdevs.length > 0; look += 1) {
    try {
      const { name, altNames, mac, mtu, ownMac } = await findAtHome(world, seen, signal);
      return { name, altNames, mac, mtu, ownMac };
    } catch (thrown) {
      if (!(thrown instanceof ForwarderError) || thrown.kind !== 'not-found' || look === mostLooks) throw thrown;
    }
    await world.clock.sleep(pauseMs, signal);
    seen = await world.pci.facts(facts.address);
  }
  return undefined;
}

/** Makes the new netdev of a driver that was bound anew what the former one was. */
export async function restoreFormerNetdev(
  world: VfioWorld,
  { address, netdev }: { readonly address: PciAddress; readonly netdev: FormerNetdev },
  signal: AbortSignal,
): Promise<void> {
  const link = await awaitAtHome(world, address, signal);
  const { links } = world.namespaces.home;
  const { name, altNames, mac, mtu } = netdev;
  const change: LinkChange = { ...(mac !== '' && link.mac !== mac && { mac }), ...(link.mtu !== mtu && { mtu }) };
  if (Object.keys(change).length > 0) await links.change(link.index, change, signal);
  await giveHomeName(world, { function: address, link, name }, signal);
  await returnAltNames({ links, link }, altNames, signal);
}
