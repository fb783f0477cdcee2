import type { Quarantine } from '../../ledger/quarantine.js';
import { namespaceOf } from '../../mechanism/kernel/reach-namespace.js';
import type { World } from '../../mechanism/kernel/world.js';
import type { NamespaceId } from '../../ports/links.js';
import type { Call } from '../chain/call.js';
import { receiveNamespace } from './hold-namespace.js';
import type { KernelRequest } from './kernel-request.js';

interface Parts {
  readonly world: World;
  readonly quarantine: Quarantine;
}

/** How long a Close may keep us waiting for a descriptor that would help. */
const descriptorMs = 1_000;

/**
 * A VF may wait in quarantine because the namespace that it was taken to is out of reach since the forwarder was started
 * anew. The client that asks again brings the descriptor: with it the VF comes home at once.
 */
export async function relieveQuarantine(
  { world, quarantine }: Parts,
  request: Pick<KernelRequest, 'inodeUrl' | 'namespace'>,
  call: Pick<Call, 'caller' | 'signal'>,
): Promise<void> {
  const waiting = quarantine
    .owed()
    .filter((entry) => entry.kind === 'namespace-held' && namespaceOf(entry) === request.namespace)
    .filter((entry) => !world.held.isHolder(request.namespace, entry.connection));
  if (waiting.length === 0) return;
  // A handle for each: the first is kept for all, and whoever comes home last lets it go.
  for (const entry of waiting) world.held.hold(await receiveNamespace(world, request, call), entry.connection);
  await Promise.all(waiting.flatMap((entry) => entry.function ?? []).map((vf) => quarantine.retryNow(vf)));
}

/**
 * The same for a client that closes once more, because a forwarder was killed in the middle of its Close: its
 * connection is gone by then, and nobody will ask for that namespace again.
 */
export async function relieveByClose(
  parts: Parts,
  { connection, caller, signal }: Pick<Call, 'connection' | 'caller' | 'signal'>,
): Promise<void> {
  const inodeUrl = connection.mechanism?.parameters['inodeURL'] ?? '';
  const namespace = inodeUrl.replace('inode://', '') as NamespaceId;
  using deadline = parts.world.clock.deadline(`waiting for ${inodeUrl}`, descriptorMs, signal);
  await relieveQuarantine(parts, { inodeUrl, namespace }, { caller, signal: deadline.signal });
}
