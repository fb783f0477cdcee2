import type { Quarantine } from '../../ledger/quarantine.js';
import { namespaceOf } from '../../mechanism/kernel/reach-namespace.js';
import type { World } from '../../mechanism/kernel/world.js';
import type { Call } from '../chain/call.js';
import { receiveNamespace } from './hold-namespace.js';
import type { KernelRequest } from './kernel-request.js';

/**
 * A VF may wait in quarantine because the namespace that it was taken to is out of reach since the forwarder was started
 * anew. The client that asks again brings the descriptor: with it the VF comes home at once.
 */
export async function relieveQuarantine(
  { world, quarantine }: { readonly world: World; readonly quarantine: Quarantine },
  request: KernelRequest,
  call: Call,
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
