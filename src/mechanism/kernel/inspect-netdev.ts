import { ForwarderError } from '../../ports/error.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import type { Finding } from '../finding.js';
import { ipChange, type Work } from './configure-ip.js';
import type { DeliveredNetdev } from './delivered-netdev.js';
import { findNetdev } from './netdev-identity.js';
import type { NetdevPlan } from './netdev-plan.js';
import { regainNamespace } from './reach-namespace.js';
import type { World } from './world.js';

interface Inspected {
  readonly plan: NetdevPlan;
  readonly delivered: DeliveredNetdev;
}

/**
 * Looks where a delivered netdev is and how it is; changes nothing. A namespace that a former process held is looked for
 * on the node and held again; while it cannot be seen, what is not at home counts as being there.
 *
 * @returns undefined when all is as it should be
 */
export async function inspectNetdev(
  world: World,
  { plan, delivered }: Inspected,
  work: Work,
): Promise<Finding | undefined> {
  const facts = await factsOf(world, plan);
  if (facts === undefined) return { kind: 'gone', reason: `VF ${plan.function} is gone from the node` };
  if (facts.driver !== plan.driver) {
    return {
      kind: 'astray',
      reason: `VF ${plan.function} has the driver ${facts.driver ?? '(none)'}, not ${plan.driver}`,
    };
  }
  if ((await findNetdev(world.namespaces.home.links, delivered.netdev, work.signal)) !== undefined) {
    return {
      kind: 'astray',
      reason: `the netdev of ${plan.function} is at home: somebody took it, or its namespace ended`,
    };
  }
  const moved = work.ledger.entries().find(({ id }) => id === delivered.moved);
  const namespace =
    world.held.find(delivered.namespace) ?? (moved && (await regainNamespace(world, moved, work.signal)));
  if (namespace === undefined) return undefined;
  const link = await findNetdev(namespace.links, delivered.netdev, work.signal);
  if (link === undefined) {
    return { kind: 'astray', reason: `the netdev of ${plan.function} has left its client's namespace ${namespace.id}` };
  }
  if (link.name !== plan.interfaceName) {
    return { kind: 'changed', reason: `netdev ${plan.interfaceName} of ${plan.function} is called ${link.name} now` };
  }
  const at = { namespace, moved: delivered.moved, netdev: { ...delivered.netdev, index: link.index } };
  const { clear, add, remove } =
    plan.ip === undefined ? { clear: [], add: [], remove: [] } : await ipChange(plan.ip, at, work);
  const difference = [...clear, ...add, ...remove];
  if (difference.length === 0) return undefined;
  const what = [...new Set(difference.map((object) => object.kind))].join(', ');
  return { kind: 'changed', reason: `netdev ${plan.interfaceName} of ${plan.function} was configured anew (${what})` };
}

async function factsOf(world: World, { function: address }: NetdevPlan): Promise<FunctionFacts | undefined> {
  try {
    return await world.pci.facts(address);
  } catch (error) {
    if (error instanceof ForwarderError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
