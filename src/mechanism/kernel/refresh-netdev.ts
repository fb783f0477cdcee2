import type { Link, LinkChange } from '../../ports/links.js';
import { applyIpChange, choosingTables, ipChange, ipOnNetdev, removeIp, type Work } from './configure-ip.js';
import type { DeliveredNetdev, NetdevTarget } from './delivered-netdev.js';
import { isIpv6 } from './ip-difference.js';
import { findNetdev, netdevArgs } from './netdev-identity.js';
import type { NetdevPlan } from './netdev-plan.js';
import type { World } from './world.js';

/** Below this MTU (RFC 8200 section 5) the kernel takes IPv6 away from a netdev, with all that it has of it. */
const leastMtuOfIpv6 = 1280;

/**
 * Brings a delivered netdev to a new plan where it is, by the difference to what the kernel has.
 *
 * @returns false when the netdev is no longer in the client's namespace: nothing is done then
 */
export async function refreshNetdev(
  world: World,
  { plan, delivered }: { readonly plan: NetdevPlan; readonly delivered: DeliveredNetdev },
  work: Work,
): Promise<boolean> {
  const namespace = world.held.get(delivered.namespace);
  const link = await findNetdev(namespace.links, delivered.netdev, work.signal);
  if (link === undefined) return false;
  const at = { namespace, moved: delivered.moved, netdev: { ...delivered.netdev, index: link.index } };
  await changeLink(plan, { link, at }, work);
  const { ip } = plan;
  if (ip !== undefined)
    await choosingTables(world, plan, async () => applyIpChange(await ipChange(ip, at, work), at, work));
  return true;
}

interface Present {
  readonly link: Link;
  readonly at: NetdevTarget;
}

async function changeLink(plan: NetdevPlan, { link, at }: Present, work: Work): Promise<void> {
  const change: LinkChange = {
    ...(plan.mtu !== undefined && plan.mtu !== link.mtu && { mtu: plan.mtu }),
    ...(!link.up && { up: true }),
    ...(link.name !== plan.interfaceName && { name: plan.interfaceName }),
  };
  if (Object.keys(change).length === 0) return;
  if (link.mtu >= leastMtuOfIpv6 && (change.mtu ?? link.mtu) < leastMtuOfIpv6) await removeIpv6(at, work);
  const args = {
    namespace: at.namespace.id,
    ...netdevArgs(at.netdev),
    former: {
      ...(change.mtu !== undefined && { mtu: link.mtu }),
      ...(change.up !== undefined && { up: link.up }),
      ...(change.name !== undefined && { name: link.name }),
    },
  };
  // Going home restores MTU and state as well.
  const step = { kind: 'link-changed', args, function: plan.function, coveredBy: at.moved };
  await work.ledger.perform(step, () => at.namespace.links.change(link.index, change, work.signal));
}

/** Removes what the kernel would remove without a word, so that it is on record and can come back. */
async function removeIpv6(target: NetdevTarget, work: Work): Promise<void> {
  await removeIp((await ipOnNetdev(target, work.signal)).filter(isIpv6), target, work);
}

/** True when the change needs the VF at home again: settings through the PF reach a running VF badly or not at all. */
export function needsRedelivery(old: NetdevPlan, next: NetdevPlan): boolean {
  return (
    old.namespace !== next.namespace ||
    old.interfaceName !== next.interfaceName ||
    old.function !== next.function ||
    old.mac !== next.mac ||
    old.vlan !== next.vlan
  );
}
