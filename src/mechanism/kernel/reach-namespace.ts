import type { Entry } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { NamespaceId, NetNamespace } from '../../ports/links.js';
import { findNetdev, recordedNetdev } from './netdev-identity.js';
import type { World } from './world.js';

/** The client namespace that an entry speaks of. */
export function namespaceOf(entry: Entry): NamespaceId {
  return entry.args['namespace'] as NamespaceId;
}

/**
 * The client namespace in which a step is to be undone. Normally the connection holds it. A process that has just
 * started holds none: then it is one that shows itself on the node with the netdev in it, and from now on it is held.
 *
 * @returns undefined when the netdev is at home: it is not there any more, most often because the namespace has ended
 * @throws ForwarderError `unavailable` when nothing that can be seen leads there. When it ends, the kernel returns the
 *   netdev; or its client comes back and brings the descriptor
 */
export async function reachNamespace(
  world: World,
  entry: Entry,
  signal: AbortSignal,
): Promise<NetNamespace | undefined> {
  const id = namespaceOf(entry);
  const held = world.held.find(id);
  if (held !== undefined) return held;
  const netdev = recordedNetdev(entry);
  if ((await findNetdev(world.namespaces.home.links, netdev, signal)) !== undefined) return undefined;
  const regained = await regainNamespace(world, entry, signal);
  if (regained !== undefined) return regained;
  throw new ForwarderError(
    'unavailable',
    `the netdev of ${netdev.function} is neither at home nor in a namespace that can be reached: ` +
      `it was taken to ${id}, whose descriptor went with the process that held it. ` +
      'It comes home when its pod ends, or its client asks again',
    { details: { function: netdev.function, namespace: id } },
  );
}

/**
 * Finds the namespace of an entry on the node and holds it for the entry's connection, if the netdev is in it: the
 * number of one that has ended may be another one's by now.
 */
export async function regainNamespace(
  world: World,
  entry: Entry,
  signal: AbortSignal,
): Promise<NetNamespace | undefined> {
  const located = await world.namespaces.locate(namespaceOf(entry), signal);
  if (located === undefined) return undefined;
  try {
    const inside = await findNetdev(located.links, recordedNetdev(entry), signal);
    if (inside !== undefined) return world.held.hold(located, entry.connection);
  } catch (error) {
    located[Symbol.dispose]();
    throw error;
  }
  located[Symbol.dispose]();
  return undefined;
}
