import type { Entry } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { Link, NetNamespace } from '../../ports/links.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import type { Finding } from '../finding.js';
import { ipChange, type Work } from './configure-ip.js';
import type { DeliveredNetdev } from './delivered-netdev.js';
import { findNetdev } from './netdev-identity.js';
import type { NetdevPlan } from './netdev-plan.js';
import { namespaceOf, regainNamespace } from './reach-namespace.js';
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
export async function inspectNetdev(world: World, it: Inspected, work: Work): Promise<Finding | undefined> {
  const { plan, delivered } = it;
  const lost = unfit(plan, await factsOf(world, plan));
  if (lost !== undefined) return lost;
  if ((await findNetdev(world.namespaces.home.links, delivered.netdev, work.signal)) !== undefined) {
    return astray(`the netdev of ${plan.function} is at home: somebody took it, or its namespace ended`);
  }
  const moved = work.ledger.entries().find(({ id }) => id === delivered.moved);
  const namespace = moved && (await openNamespace(world, moved, work.signal));
  if (namespace === undefined) return undefined;
  const link = await findNetdev(namespace.links, delivered.netdev, work.signal);
  if (link === undefined)
    return astray(`the netdev of ${plan.function} has left its client's namespace ${namespace.id}`);
  const otherwise = linkDifference(plan, link) ?? (await ipDifference(it, { namespace, link }, work));
  if (otherwise === undefined) return undefined;
  return { kind: 'changed', reason: `netdev ${plan.interfaceName} of ${plan.function} ${otherwise}` };
}

function astray(reason: string): Finding {
  return { kind: 'astray', reason };
}

function unfit(plan: NetdevPlan, facts: FunctionFacts | undefined): Finding | undefined {
  if (facts === undefined) return { kind: 'gone', reason: `VF ${plan.function} is gone from the node` };
  if (facts.driver === plan.driver) return undefined;
  return astray(`VF ${plan.function} has the driver ${facts.driver ?? '(none)'}, not ${plan.driver}`);
}

/** What of the netdev itself a refresh would change. */
function linkDifference(plan: NetdevPlan, link: Link): string | undefined {
  if (link.name !== plan.interfaceName) return `is called ${link.name} now`;
  if (!link.up) return 'is down now';
  if (plan.mtu !== undefined && link.mtu !== plan.mtu) return `has the MTU ${link.mtu} now, not ${plan.mtu}`;
  return undefined;
}

async function ipDifference(
  { plan, delivered }: Inspected,
  { namespace, link }: { readonly namespace: NetNamespace; readonly link: Link },
  work: Work,
): Promise<string | undefined> {
  if (plan.ip === undefined) return undefined;
  const at = { namespace, moved: delivered.moved, netdev: { ...delivered.netdev, index: link.index } };
  const { clear, add, remove } = await ipChange(plan.ip, at, work);
  const kinds = new Set([...clear, ...add, ...remove].map((object) => object.kind));
  return kinds.size === 0 ? undefined : `was configured anew (${[...kinds].join(', ')})`;
}

/** The one that the connection holds, and so surely the right one; else one that is found with the netdev in it. */
async function openNamespace(world: World, moved: Entry, signal: AbortSignal): Promise<NetNamespace | undefined> {
  const id = namespaceOf(moved);
  return world.held.isHolder(id, moved.connection) ? world.held.get(id) : regainNamespace(world, moved, signal);
}

async function factsOf(world: World, { function: address }: NetdevPlan): Promise<FunctionFacts | undefined> {
  try {
    return await world.pci.facts(address);
  } catch (error) {
    if (error instanceof ForwarderError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
