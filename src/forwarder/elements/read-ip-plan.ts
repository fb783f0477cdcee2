import type { IPContext, PolicyRoute, Route } from '../../../apis/generated/connectioncontext.js';
import type { IpPlan, PlannedPolicy, PlannedRoute } from '../../mechanism/kernel/netdev-plan.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import {
  formatIp,
  formatPrefix,
  hostPrefix,
  type Ip,
  maskPrefix,
  type Prefix,
  parseIp,
  parseMac,
  parsePrefix,
  prefixContains,
} from '../../ports/ip.js';
import type { PortRange } from '../../ports/links.js';

/**
 * What an IP context asks of the client's side of a connection (nsm-wire: "src" is the client).
 *
 * - Addresses are the source addresses.
 * - Each destination address that no source prefix covers gets a host route on the link.
 * - A source route without next hop goes through the first destination address of its family, unless a destination
 *   covers it: then it is on the link.
 * - A policy without routes sends everything of its families to the link.
 *
 * @throws ForwarderError `invalid`, naming the field, the value and the rule
 */
export function readIpPlan(context: IPContext | undefined): IpPlan {
  if (context === undefined) return { addresses: [], routes: [], neighbours: [], policies: [] };
  const sources = context.srcIpAddrs.map((text) => at('src_ip_addrs', () => parsePrefix(text)));
  const destinations = context.dstIpAddrs.map((text) => at('dst_ip_addrs', () => parsePrefix(text)));
  return {
    addresses: unique(sources.map(formatPrefix)),
    routes: routes(context.srcRoutes, sources, destinations),
    neighbours: context.ipNeighbors.map((it) =>
      at('ip_neighbors', () => ({ ip: formatIp(parseIp(it.ip)), mac: parseMac(it.hardwareAddress) })),
    ),
    policies: context.policies.flatMap((policy) => at('policies', () => readPolicy(policy))),
  };
}

function routes(
  sourceRoutes: readonly Route[],
  sources: readonly Prefix[],
  destinations: readonly Prefix[],
): PlannedRoute[] {
  const byDestination = new Map<string, PlannedRoute>();
  for (const { address } of destinations) {
    if (sources.some((source) => prefixContains(source, address))) continue;
    const destination = formatPrefix(hostPrefix(address));
    byDestination.set(destination, { destination });
  }
  for (const route of sourceRoutes) {
    const planned = at('src_routes', () => sourceRoute(route, destinations));
    byDestination.set(planned.destination, planned);
  }
  return [...byDestination.values()];
}

function sourceRoute(route: Route, destinations: readonly Prefix[]): PlannedRoute {
  const prefix = maskPrefix(parsePrefix(route.prefix));
  const destination = formatPrefix(prefix);
  if (route.nextHop !== '') return withGateway(destination, parseIp(route.nextHop), prefix);
  if (destinations.some((it) => prefixContains(it, prefix.address))) return { destination };
  const hop = destinations.find((it) => it.address.family === prefix.address.family);
  return hop === undefined ? { destination } : withGateway(destination, hop.address, prefix);
}

function withGateway(destination: string, gateway: Ip, prefix: Prefix): PlannedRoute {
  if (gateway.family === prefix.address.family) return { destination, gateway: formatIp(gateway) };
  throw new ForwarderError(
    'invalid',
    `route to ${destination} cannot go through ${formatIp(gateway)}: another IP version`,
  );
}

function readPolicy(policy: PolicyRoute): PlannedPolicy[] {
  const from = policy.from === '' ? undefined : readFrom(policy.from);
  const protocol = policy.proto === '' ? undefined : number(policy.proto, 'proto', 255);
  const sourcePort = policy.srcPort === '' ? undefined : portRange(policy.srcPort);
  const destinationPort = policy.dstPort === '' ? undefined : portRange(policy.dstPort);
  const planned = policy.routes.map((route) => ({ family: family(route), route: sourceRoute(route, []) }));
  return families(from, planned).map((version) => {
    const own = planned.filter((it) => it.family === version).map((it) => it.route);
    return {
      family: version,
      ...(from !== undefined && { from: formatPrefix(from) }),
      ...(protocol !== undefined && { protocol }),
      ...(sourcePort !== undefined && { sourcePort }),
      ...(destinationPort !== undefined && { destinationPort }),
      routes: own.length > 0 ? own : [{ destination: version === 4 ? '0.0.0.0/0' : '::/0' }],
    };
  });
}

function family(route: Route): 4 | 6 {
  return parsePrefix(route.prefix).address.family;
}

/** Of its source, else of its routes, else both. */
function families(from: Prefix | undefined, planned: readonly { family: 4 | 6 }[]): readonly (4 | 6)[] {
  if (from === undefined) return planned.length === 0 ? [4, 6] : unique(planned.map((it) => it.family));
  const other = planned.find((it) => it.family !== from.address.family);
  if (other === undefined) return [from.address.family];
  throw new ForwarderError('invalid', `a policy from ${formatPrefix(from)} has a route of IP version ${other.family}`);
}

function readFrom(text: string): Prefix {
  return text.includes('/') ? maskPrefix(parsePrefix(text)) : hostPrefix(parseIp(text));
}

function portRange(text: string): PortRange {
  const [first = '', last = first, ...more] = text.split('-');
  const range = { first: number(first, 'port', 65_535), last: number(last, 'port', 65_535) };
  if (more.length === 0 && range.first <= range.last) return range;
  throw new ForwarderError('invalid', `${JSON.stringify(text)} is not a port range: expected N or N-M with N <= M`);
}

function number(text: string, what: string, greatest: number): number {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value <= greatest) return value;
  throw new ForwarderError(
    'invalid',
    `${JSON.stringify(text)} is not a ${what}: expected a number from 0 to ${greatest}`,
  );
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Says in which field of the context the value stands. */
function at<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const error = toForwarderError(thrown);
    throw new ForwarderError(error.kind, `IP context, ${field}: ${error.message}`, { cause: error });
  }
}
