import type { EntryId, JsonObject } from '../../ledger/entry.js';
import type { Ledger } from '../../ledger/ledger.js';
import type { IpObject, NetNamespace } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { ipObjects, objectKey, policyTables } from './ip-objects.js';
import type { IpPlan } from './netdev-plan.js';

/** The netdev to configure, where it is now. */
export interface IpTarget {
  readonly function: PciAddress;
  readonly namespace: NetNamespace;
  readonly index: number;
  /** The entry whose undoing moves the netdev home, which drops all but the rules. */
  readonly moved: EntryId;
}

/** The difference between what is and what shall be. */
export interface IpChange {
  /** In the order in which they can be added. */
  readonly add: readonly IpObject[];
  /** In the order in which they can be removed. */
  readonly remove: readonly IpObject[];
}

/** What a netdev that has just arrived needs: it has nothing yet, so nothing is read but the tables in use. */
export async function firstIpChange(plan: IpPlan, target: IpTarget, signal: AbortSignal): Promise<IpChange> {
  const used = plan.policies.length === 0 ? new Set<number>() : await target.namespace.addressing.usedTables(signal);
  return { add: ipObjects(plan, target.index, policyTables(plan.policies, [], used)), remove: [] };
}

/** Compares the plan with what the kernel has, which is the truth whoever changed it. */
export async function ipChange(plan: IpPlan, target: IpTarget, signal: AbortSignal): Promise<IpChange> {
  const { addressing } = target.namespace;
  const addresses = await addressing.list('address', target.index, signal);
  const neighbours = await addressing.list('neighbour', target.index, signal);
  const routes = await addressing.list('route', target.index, signal);
  const tables = new Set(routes.map((route) => route.table));
  const rules = (await addressing.list('rule', undefined, signal)).filter((rule) => tables.has(rule.table));
  const used = plan.policies.length === 0 ? new Set<number>() : await addressing.usedTables(signal);
  const wanted = ipObjects(plan, target.index, policyTables(plan.policies, rules, used));
  const present: readonly IpObject[] = [...rules, ...routes, ...neighbours, ...addresses];
  const presentKeys = new Set(present.map(objectKey));
  const wantedKeys = new Set(wanted.map(objectKey));
  return {
    add: wanted.filter((object) => !presentKeys.has(objectKey(object))),
    remove: present.filter((object) => !wantedKeys.has(objectKey(object))),
  };
}

/** Adds before it removes, so that what stays in use is never without a route; each part is recorded first. */
export async function applyIpChange(change: IpChange, target: IpTarget, work: Work): Promise<void> {
  await addIp(change.add, target, work);
  await removeIp(change.remove, target, work);
}

/** A ledger to record in and a signal to heed. */
export interface Work {
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
}

/** Adds objects, rules apart from the rest: moving the netdev home does not drop rules. */
export async function addIp(objects: readonly IpObject[], target: IpTarget, { ledger, signal }: Work): Promise<void> {
  for (const [part, covered] of byCover(objects)) {
    await ledger.perform(step('ip-added', part, covered, target), () => target.namespace.addressing.add(part, signal));
  }
}

async function removeIp(objects: readonly IpObject[], target: IpTarget, { ledger, signal }: Work): Promise<void> {
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

function step(kind: string, objects: readonly IpObject[], covered: boolean, target: IpTarget) {
  const args: JsonObject = {
    namespace: target.namespace.id,
    // Plain data already; the cast only drops the readonly interfaces' missing index signature.
    objects: objects as unknown as readonly JsonObject[],
  };
  return { kind, args, function: target.function, ...(covered && { coveredBy: target.moved }) };
}
