import type { World } from '../../mechanism/kernel/world.js';
import { ForwarderError } from '../../ports/error.js';
import type { NamespaceId, NetNamespace } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { Call } from '../chain/call.js';
import type { HeldConnection } from '../chain/held-connection.js';
import type { KernelRequest } from './kernel-request.js';

/**
 * Takes the descriptor of the client's network namespace and keeps it until the connection ends, also through refreshes
 * that fail: without it there would be no way back for the VF.
 */
export async function holdNamespace(
  world: World,
  { request, function: address }: { readonly request: KernelRequest; readonly function: PciAddress },
  call: Call,
): Promise<void> {
  const { id, ledger } = call.held;
  const recorded = ledger.entries().some(({ kind, args }) => {
    return kind === 'namespace-held' && args['namespace'] === request.namespace;
  });
  if (recorded && world.held.isHolder(request.namespace, id)) return;
  const namespace = await receiveNamespace(world, request, call);
  // On record and yet not held: the descriptor went with the process that had it.
  if (recorded) {
    world.held.hold(namespace, id);
    return;
  }
  try {
    const step = { kind: 'namespace-held', args: { namespace: namespace.id }, function: address };
    await ledger.perform(step, async () => void world.held.hold(namespace, id));
  } catch (error) {
    if (!world.held.isHolder(request.namespace, id)) namespace[Symbol.dispose]();
    throw error;
  }
}

/** Lets go of namespaces that the client has left; to be called when its netdev has arrived in the new one. */
export async function releaseFormerNamespaces(current: NamespaceId, { held: { ledger } }: Call): Promise<void> {
  await ledger.release((entry) => entry.kind === 'namespace-held' && entry.args['namespace'] !== current);
}

/** How long a Close may keep us waiting for a descriptor that would help. */
const descriptorMs = 1_000;

/**
 * A caller that closes sends the descriptor as well: with it a connection that a former process made is closed in order.
 * Without it the VF is looked for on the node.
 */
export async function regainFromCaller(
  world: World,
  held: HeldConnection,
  { connection, preferences, caller, signal }: Pick<Call, 'connection' | 'preferences' | 'caller' | 'signal'>,
): Promise<void> {
  const sent = [connection.mechanism, ...preferences].map((mechanism) => mechanism?.parameters['inodeURL']);
  for (const { kind, args } of held.ledger.entries()) {
    const namespace = args['namespace'] as NamespaceId;
    const inodeUrl = `inode://${namespace}`;
    if (kind !== 'namespace-held' || world.held.isHolder(namespace, held.id) || !sent.includes(inodeUrl)) continue;
    using deadline = world.clock.deadline(`waiting for ${inodeUrl}`, descriptorMs, signal);
    world.held.hold(
      await receiveNamespace(world, { inodeUrl, namespace }, { caller, signal: deadline.signal }),
      held.id,
    );
  }
}

/** The namespace that a Request names, by the descriptor that its caller sends for it. */
export async function receiveNamespace(
  world: World,
  request: Pick<KernelRequest, 'inodeUrl' | 'namespace'>,
  call: Pick<Call, 'caller' | 'signal'>,
): Promise<NetNamespace> {
  using descriptor = await call.caller.receive(request.inodeUrl, call.signal);
  const namespace = world.namespaces.open(descriptor.path);
  if (namespace.id === request.namespace) return namespace;
  namespace[Symbol.dispose]();
  throw new ForwarderError('invalid', `the descriptor sent for ${request.inodeUrl} is namespace ${namespace.id}`);
}
