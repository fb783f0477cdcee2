import { ForwarderError } from '../../ports/error.js';
import type { Link, LinkChange } from '../../ports/links.js';
import { applyIpChange, ipChange, type Work } from './configure-ip.js';
import type { DeliveredNetdev } from './deliver-netdev.js';
import { findNetdev } from './netdev-identity.js';
import type { NetdevPlan } from './netdev-plan.js';

/**
 * Brings a delivered netdev to a new plan where it is, by the difference to what the kernel has.
 *
 * @throws ForwarderError `not-found` when the netdev is no longer in the client's namespace
 */
export async function refreshNetdev(plan: NetdevPlan, delivered: DeliveredNetdev, work: Work): Promise<void> {
  const { target, identity } = delivered;
  const link = await findNetdev(target.namespace.links, identity, { names: [plan.interfaceName], signal: work.signal });
  if (link === undefined) {
    throw new ForwarderError(
      'not-found',
      `the netdev of ${plan.function} is no longer in namespace ${target.namespace.id}`,
    );
  }
  const at = { ...target, index: link.index };
  await changeLink(plan, { link, delivered }, work);
  if (plan.ip !== undefined) await applyIpChange(await ipChange(plan.ip, at, work.signal), at, work);
}

async function changeLink(
  plan: NetdevPlan,
  { link, delivered }: { link: Link; delivered: DeliveredNetdev },
  { ledger, signal }: Work,
): Promise<void> {
  const change: LinkChange = {
    ...(plan.mtu !== undefined && plan.mtu !== link.mtu && { mtu: plan.mtu }),
    ...(!link.up && { up: true }),
  };
  if (Object.keys(change).length === 0) return;
  const { target, identity } = delivered;
  const args = {
    namespace: target.namespace.id,
    index: link.index,
    macs: identity.macs,
    former: { ...(change.mtu !== undefined && { mtu: link.mtu }), ...(change.up !== undefined && { up: link.up }) },
  };
  // Going home restores MTU and state as well.
  const step = { kind: 'link-changed', args, function: plan.function, coveredBy: target.moved };
  await ledger.perform(step, () => target.namespace.links.change(link.index, change, signal));
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
