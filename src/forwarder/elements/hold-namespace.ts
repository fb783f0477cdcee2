import type { World } from '../../mechanism/kernel/world.js';
import { ForwarderError } from '../../ports/error.js';
import type { NamespaceId, NetNamespace } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { Call } from '../chain/call.js';
import { memoryKey } from '../chain/held-connection.js';
import type { KernelRequest } from './kernel-request.js';

const heldKey = memoryKey<string>('namespace');

/**
 * Takes the descriptor of the client's network namespace and keeps it until the connection ends, also through refreshes
 * that fail: without it there would be no way back for the VF.
 */
export async function holdNamespace(
  world: World,
  { request, function: address }: { readonly request: KernelRequest; readonly function: PciAddress },
  call: Call,
): Promise<void> {
  const { ledger, memory } = call.held;
  if (memory.get(heldKey) === request.namespace) return;
  const namespace = await receive(world, request, call);
  await ledger.perform({ kind: 'namespace-held', args: { namespace: namespace.id }, function: address }, async () => {
    world.held.hold(namespace, call.held.id);
  });
  memory.set(heldKey, request.namespace);
}

/** Lets go of namespaces that the client has left; to be called when its netdev has arrived in the new one. */
export async function releaseFormerNamespaces(current: NamespaceId, { held: { ledger } }: Call): Promise<void> {
  await ledger.release((entry) => entry.kind === 'namespace-held' && entry.args['namespace'] !== current);
}

async function receive(world: World, request: KernelRequest, call: Call): Promise<NetNamespace> {
  using descriptor = await call.caller.receive(request.inodeUrl, call.signal);
  const namespace = world.namespaces.open(descriptor.path);
  if (namespace.id === request.namespace) return namespace;
  namespace[Symbol.dispose]();
  throw new ForwarderError('invalid', `the descriptor sent for ${request.inodeUrl} is namespace ${namespace.id}`);
}
