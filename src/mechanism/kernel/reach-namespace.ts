import type { Entry } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { NamespaceId, NetNamespace } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { findNetdev, recordedNetdev } from './netdev-identity.js';
import type { World } from './world.js';

/** The client namespace that an entry speaks of. */
export function namespaceOf(entry: Entry): NamespaceId {
  return entry.args['namespace'] as NamespaceId;
}

/** Puts in mind which namespaces the connection of a former process is in, and what they were like before. */
export function rememberNamespaces(world: World, entries: readonly Entry[]): void {
  for (const entry of entries) {
    if (entry.kind === 'namespace-held') world.held.expect(namespaceOf(entry), entry.connection);
    if (entry.kind !== 'namespace-setting') continue;
    const { path, former } = entry.args as { path: string; former: string };
    world.held.settingBefore(namespaceOf(entry), { path, now: former });
  }
}

/**
 * The client namespace in which a step is to be undone. Normally the connection holds it. A process that has just
 * started holds none: then it is one that another connection has brought, or that shows itself on the node, with the
 * netdev in it, and from now on it is held.
 *
 * @returns undefined when the netdev is not there any more: it is at home, most often because the namespace has ended, or
 *   there is none, because no driver makes one
 * @throws ForwarderError `unavailable` when nothing that can be seen leads there. When it ends, the kernel returns the
 *   netdev; or its client comes back and brings the descriptor
 */
export async function reachNamespace(
  world: World,
  entry: Entry,
  signal: AbortSignal,
): Promise<NetNamespace | undefined> {
  const id = namespaceOf(entry);
  if (world.held.isHolder(id, entry.connection)) return world.held.get(id);
  const netdev = recordedNetdev(entry);
  if ((await findNetdev(world.namespaces.home.links, netdev, signal)) !== undefined) return undefined;
  const regained = await regainNamespace(world, entry, signal);
  if (regained !== undefined) return regained;
  if (await hasNoNetdev(world, netdev.function)) return undefined;
  throw new ForwarderError(
    'unavailable',
    `the netdev of ${netdev.function} is neither at home nor in a namespace that can be reached: ` +
      `it was taken to ${id}, whose descriptor went with the process that held it. ` +
      'It comes home when its pod ends, or its client asks again',
    { details: { function: netdev.function, namespace: id } },
  );
}

/** Drivers that hand a function to a process: the kernel makes no netdev for it. */
const userspaceDrivers: ReadonlySet<string | undefined> = new Set(['vfio-pci', 'uio_pci_generic', 'igb_uio']);

async function hasNoNetdev({ pci }: World, address: PciAddress): Promise<boolean> {
  const { driver } = await pci.facts(address);
  return driver === undefined || userspaceDrivers.has(driver);
}

/**
 * Finds the namespace of an entry and holds it for the entry's connection, if the netdev is in it: the number of one
 * that has ended may be another one's by now.
 */
export async function regainNamespace(
  world: World,
  entry: Entry,
  signal: AbortSignal,
): Promise<NetNamespace | undefined> {
  const id = namespaceOf(entry);
  const namespace = world.held.find(id) ?? (await world.namespaces.locate(id, signal));
  if (namespace === undefined) return undefined;
  using _shown = world.held.show(namespace);
  const open = world.held.find(id) ?? namespace;
  const inside = await findNetdev(open.links, recordedNetdev(entry), signal);
  return inside && world.held.hold(open, entry.connection);
}
