import type { Ledger } from '../../ledger/ledger.js';
import type { JsonObject } from '../../ports/json.js';
import type { IpObject, IpRule } from '../../ports/links.js';
import type { NetdevTarget } from './delivered-netdev.js';
import { type IpChange, ipDifference } from './ip-difference.js';
import { ipObjects, objectKey, policyTables } from './ip-objects.js';
import { netdevArgs } from './netdev-identity.js';
import type { IpPlan, NetdevPlan } from './netdev-plan.js';
import type { World } from './world.js';

/**
 * Runs work that chooses routing tables and fills them. Connections of one pod take turns: two that looked at the same
 * time would choose the same.
 */
export async function choosingTables(world: World, plan: NetdevPlan, work: () => Promise<void>): Promise<void> {
  if ((plan.ip?.policies ?? []).length === 0) await work();
  else await world.held.inTurn(plan.namespace, work);
}

/** What a netdev that has just arrived needs: it has nothing yet, so nothing is read but the tables in use. */
export async function firstIpObjects(
  plan: IpPlan,
  target: NetdevTarget,
  signal: AbortSignal,
): Promise<readonly IpObject[]> {
  const used = plan.policies.length === 0 ? new Set<number>() : await target.namespace.addressing.usedTables(signal);
  return ipObjects(plan, target.netdev.index, policyTables(plan.policies, [], used));
}

/** Compares the plan with what the kernel has, which is the truth whoever changed it. */
export async function ipChange(plan: IpPlan, target: NetdevTarget, work: Work): Promise<IpChange> {
  const onNetdev = await ipOnNetdev(target, work.signal);
  const rules = await ownRules(target, onNetdev, work);
  const { addressing } = target.namespace;
  const used = plan.policies.length === 0 ? new Set<number>() : await addressing.usedTables(work.signal);
  const wanted = ipObjects(plan, target.netdev.index, policyTables(plan.policies, rules, used));
  return ipDifference([...rules, ...onNetdev], wanted);
}

/** What is configured on the netdev, rules apart, in an order in which it can be removed. */
export async function ipOnNetdev(
  { namespace: { addressing }, netdev: { index } }: NetdevTarget,
  signal: AbortSignal,
): Promise<readonly IpObject[]> {
  const addresses = await addressing.list('address', index, signal);
  const neighbours = await addressing.list('neighbour', index, signal);
  const routes = await addressing.list('route', index, signal);
  return [...routes, ...neighbours, ...addresses];
}

/** Rules say nothing of netdevs: ours are those on record, and those that lead to a table with routes of the netdev. */
async function ownRules(
  { namespace: { addressing }, netdev: { function: address } }: NetdevTarget,
  onNetdev: readonly IpObject[],
  { ledger, signal }: Work,
): Promise<readonly IpRule[]> {
  const tables = new Set(onNetdev.map((object) => (object.kind === 'route' ? object.table : undefined)));
  const recorded = new Set(
    ledger
      .entries()
      .filter((entry) => entry.kind === 'ip-added' && entry.function === address)
      .flatMap((entry) => (entry.args['objects'] as unknown as readonly IpObject[]).map(objectKey)),
  );
  const rules = await addressing.list('rule', undefined, signal);
  return rules.filter((rule) => tables.has(rule.table) || recorded.has(objectKey(rule)));
}

/** Puts rules on record that lead to a table of a netdev which somebody else has configured: they go when it goes. */
export async function adoptRules(target: NetdevTarget, work: Work): Promise<void> {
  const rules = await ownRules(target, await ipOnNetdev(target, work.signal), work);
  if (rules.length > 0) await work.ledger.perform(step('ip-added', rules, false, target), async () => undefined);
}

/**
 * Takes away what is in the way, then adds before it removes the rest, so that what stays in use is never without a
 * route; each part is recorded first.
 */
export async function applyIpChange(change: IpChange, target: NetdevTarget, work: Work): Promise<void> {
  await removeIp(change.clear, target, work);
  await addIp(change.add, target, work);
  await removeIp(change.remove, target, work);
}

/** A ledger to record in and a signal to heed. */
export interface Work {
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
}

/** Adds objects, rules apart from the rest: moving the netdev home does not drop rules. */
export async function addIp(
  objects: readonly IpObject[],
  target: NetdevTarget,
  { ledger, signal }: Work,
): Promise<void> {
  for (const [part, covered] of byCover(objects)) {
    await ledger.perform(step('ip-added', part, covered, target), () => target.namespace.addressing.add(part, signal));
  }
}

/** Removes objects, rules first. */
export async function removeIp(
  objects: readonly IpObject[],
  target: NetdevTarget,
  { ledger, signal }: Work,
): Promise<void> {
  for (const [part, covered] of byCover(objects).reverse()) {
    await ledger.perform(step('ip-removed', part, covered, target), () =>
      target.namespace.addressing.remove(part, signal),
    );
  }
}

function byCover(objects: readonly IpObject[]): [readonly IpObject[], boolean][] {
  const rules = objects.filter((object) => object.kind === 'rule');
  const rest = objects.filter((object) => object.kind !== 'rule');
  const parts: [readonly IpObject[], boolean][] = [
    [rest, true],
    [rules, false],
  ];
  return parts.filter(([part]) => part.length > 0);
}

function step(kind: string, objects: readonly IpObject[], covered: boolean, target: NetdevTarget) {
  const args: JsonObject = {
    namespace: target.namespace.id,
    ...netdevArgs(target.netdev),
    // Plain data already; the cast only drops the readonly interfaces' missing index signature.
    objects: objects as unknown as readonly JsonObject[],
  };
  return { kind, args, function: target.netdev.function, ...(covered && { coveredBy: target.moved }) };
}
