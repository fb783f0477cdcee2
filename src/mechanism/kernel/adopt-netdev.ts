import { ForwarderError } from '../../ports/error.js';
import { adoptRules, type Work } from './configure-ip.js';
import type { DeliveredNetdev } from './delivered-netdev.js';
import { travelName } from './interface-name.js';
import { identityOf, netdevArgs } from './netdev-identity.js';
import type { NetdevPlan } from './netdev-plan.js';
import { unknownPast } from './unknown-past.js';
import type { World } from './world.js';

/**
 * Puts a netdev on record that somebody else has brought to where it is, as a forwarder did that kept no journal: from
 * now on it is this connection's, and goes home when that ends. What it was before is not known (see {@link unknownPast}).
 *
 * It is one step: half of it on record would be a way home that begins in the wrong place.
 *
 * @throws ForwarderError `not-found` when it is not in the namespace
 */
export async function adoptNetdev(world: World, plan: NetdevPlan, work: Work): Promise<DeliveredNetdev> {
  const { function: address, interfaceName } = plan;
  const { ledger, signal } = work;
  const namespace = world.held.get(plan.namespace);
  const link = await namespace.links.find({ parent: address }, signal);
  if (link === undefined) {
    throw new ForwarderError('not-found', `the netdev of ${address} is not in namespace ${namespace.id}`);
  }
  const netdev = identityOf(address, link, { names: [travelName(address), interfaceName] });
  const past = await unknownPast(world, { vf: plan, link }, signal);
  const args = { namespace: namespace.id, ...netdevArgs(netdev), ...past };
  const moved = await ledger.perform({ kind: 'netdev-adopted', args, function: address }, async (id) => id);
  await adoptRules({ namespace, netdev, moved }, work);
  return { namespace: namespace.id, netdev, moved };
}
