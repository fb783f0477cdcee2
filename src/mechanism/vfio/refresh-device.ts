import { ForwarderError } from '../../ports/error.js';
import type { VfSettings } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { Work } from '../kernel/configure-ip.js';
import { grantedCgroup, isGrant } from './device-grants.js';
import type { DevicePlan } from './device-plan.js';
import { applyDeviceSettings } from './device-settings.js';
import { clientCgroups, givePodAccess, keepPodAccess, type PodAccess } from './pod-access.js';
import { type VfioWorld, vfioDriver } from './vfio-world.js';

/**
 * Brings a delivered device to a new plan where it is: settings through its PF, the client's containers.
 *
 * @returns false when it has to be delivered anew: nothing is done then but that useless access is taken back
 * @throws ForwarderError what stood in the way; the device is as it was then
 */
export async function refreshDevice(
  world: VfioWorld,
  { before, plan }: { readonly before: DevicePlan; readonly plan: DevicePlan },
  work: Work,
): Promise<boolean> {
  if (before.function !== plan.function || (await world.pci.facts(plan.function)).driver !== vfioDriver) return false;
  try {
    await keepPodAccess(world, work);
  } catch (thrown) {
    if (thrown instanceof ForwarderError && thrown.kind === 'unavailable') return false;
    throw thrown;
  }
  if (before.mac !== plan.mac || before.vlan !== plan.vlan) {
    const settings = withFormerSettings(world, { before, plan }, work);
    await applyDeviceSettings(world, { plan: settings, former: {} }, work);
  }
  if (before.client.below !== plan.client.below) await moveAccess(world, plan, work);
  return true;
}

/** What is no longer asked for becomes again what it was before anybody asked. */
function withFormerSettings(
  world: VfioWorld,
  { before, plan }: { readonly before: DevicePlan; readonly plan: DevicePlan },
  { ledger }: Work,
): DevicePlan {
  const changes = ledger.entries().filter(({ kind, function: it }) => kind === 'vf-settings' && it === plan.function);
  // The oldest one knows best.
  const original: Partial<VfSettings> = Object.assign({}, ...changes.map(({ args }) => args['original']).reverse());
  const mac = world.bound.original(plan.function)?.value.netdev?.mac || original.mac;
  const { vlan } = original;
  return {
    ...(before.mac !== undefined && mac !== undefined && { mac }),
    ...(before.vlan !== undefined && vlan !== undefined && { vlan }),
    ...plan,
  };
}

/** Gives access where the client is now before it takes it from where the client was, and nowhere in between. */
async function moveAccess(world: VfioWorld, plan: DevicePlan, work: Work): Promise<void> {
  const { ledger, signal } = work;
  const former = ledger.entries().findLast((entry) => isAccess(entry, plan.function));
  if (former === undefined) return;
  const access = { ...(former.args as unknown as PodAccess), ...plan.client };
  await givePodAccess(world, { function: plan.function, access }, work);
  const inodes = new Set((await clientCgroups(world, access, signal)).map(({ inode }) => inode));
  await ledger.release(
    (entry) =>
      entry.id === former.id ||
      (isGrant(entry) && entry.function === plan.function && !inodes.has(grantedCgroup(entry).inode)),
  );
}

function isAccess(entry: { readonly kind: string; readonly function?: PciAddress }, address: PciAddress): boolean {
  return entry.kind === 'pod-access' && entry.function === address;
}
