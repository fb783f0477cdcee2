import { ForwarderError } from '../../ports/error.js';
import type { Work } from '../kernel/configure-ip.js';
import { applyVfSettings } from '../kernel/vf-settings.js';
import type { DeviceSetUp } from './device-plan.js';
import { type FormerBinding, type VfioWorld, vfioDriver } from './vfio-world.js';

/** Kinds of failure by which a PF says that it cannot, or may not, do what was asked; nothing has changed then. */
const refusals: readonly string[] = ['unsupported', 'denied', 'invalid', 'not-found'];

/**
 * Sets through the PF what the plan asks for. Where it asks for no MAC the VF is held to the one that its netdev had:
 * without one from its PF many a VF makes up another at each reset, and its user resets it at each start. That is a
 * kindness: a PF that refuses it, or has no netdev for it, costs nobody a connection.
 *
 * @throws ForwarderError when the PF refuses what was asked for
 */
export async function applyDeviceSettings(
  world: VfioWorld,
  { plan, former }: { readonly plan: DeviceSetUp; readonly former: FormerBinding },
  work: Work,
): Promise<void> {
  const { mac = '', ownMac = false } = former.netdev ?? {};
  const options = { ownMac, restarts: true };
  await applyVfSettings(world, { plan: { ...plan, driver: vfioDriver }, ...options }, work);
  if (plan.mac !== undefined || mac === '') return;
  const { vlan: _asked, ...rest } = plan;
  const mark = work.ledger.mark();
  try {
    await applyVfSettings(world, { plan: { ...rest, driver: vfioDriver, mac }, ...options }, work);
  } catch (thrown) {
    if (!(thrown instanceof ForwarderError) || !refusals.includes(thrown.kind)) throw thrown;
    for (const { id } of work.ledger.entries()) if ((id as number) > (mark as number)) work.ledger.forget(id);
  }
}
