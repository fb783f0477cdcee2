import type { IpObject, IpRule } from '../../ports/links.js';
import type { IpPlan, PlannedPolicy, PlannedRoute } from './netdev-plan.js';

const mainTable = 254;
/** Tables that the kernel reserves (rtnetlink.h: compat, default, main, local). */
const reservedTables: ReadonlySet<number> = new Set([0, 252, 253, 254, 255]);
/** Ours come before the kernel's own rules for main and default (32766, 32767); earlier policies win. */
const firstPriority = 20_000;

/** The plan as kernel objects on one netdev, in an order in which they can be added. */
export function ipObjects(plan: IpPlan, index: number, tables: readonly number[]): IpObject[] {
  const rule = (policy: PlannedPolicy, table: number): IpRule => {
    const { routes: _routes, ...selectors } = policy;
    return { kind: 'rule', priority: firstPriority + table, table, ...selectors };
  };
  return [
    ...addressObjects(plan, index),
    ...plan.neighbours.map((neighbour) => ({ kind: 'neighbour', index, ...neighbour }) as const),
    ...linkRoutesFirst(plan.routes).map((route) => ({ kind: 'route', index, table: mainTable, ...route }) as const),
    ...plan.policies.flatMap((policy, i) => {
      const table = tables[i] ?? mainTable;
      const routes = linkRoutesFirst(policy.routes).map(
        (route) => ({ kind: 'route', index, table, ...route }) as const,
      );
      return [...routes, rule(policy, table)];
    }),
  ];
}

/** The plan's addresses on one netdev. */
export function addressObjects(plan: IpPlan, index: number): IpObject[] {
  return plan.addresses.map((cidr) => ({ kind: 'address', index, cidr }));
}

/** Gateways are reached over link routes, so these come first. */
function linkRoutesFirst(routes: readonly PlannedRoute[]): PlannedRoute[] {
  return [...routes].sort((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined));
}

/**
 * A table for each policy: the one that it has already, else the lowest that nothing in the namespace uses.
 *
 * @param present - the rules that lead to this netdev now
 */
export function policyTables(
  policies: readonly PlannedPolicy[],
  present: readonly IpRule[],
  used: ReadonlySet<number>,
): number[] {
  const taken = new Set([...used, ...reservedTables]);
  const mine = new Map(present.map((rule) => [selectorKey(rule), rule.table]));
  let next = 1;
  return policies.map((policy) => {
    const key = selectorKey(policy);
    const known = mine.get(key);
    if (known !== undefined) {
      mine.delete(key);
      return known;
    }
    while (taken.has(next)) next += 1;
    taken.add(next);
    return next;
  });
}

function selectorKey(it: Omit<PlannedPolicy, 'routes'>): string {
  return JSON.stringify([it.family, it.from, it.protocol, it.sourcePort, it.destinationPort]);
}

/** Text that is the same for equal objects, whatever the order of their fields. */
export function objectKey(object: IpObject): string {
  return JSON.stringify(
    Object.entries(object)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
