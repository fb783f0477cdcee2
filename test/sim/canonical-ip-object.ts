import { ForwarderError } from '../../src/ports/error.js';
import { formatIp, formatPrefix, maskPrefix, parseIp, parsePrefix } from '../../src/ports/ip.js';
import type { IpObject, IpRoute, IpRule, PortRange } from '../../src/ports/links.js';

/**
 * The object in the one form in which the kernel tells it back.
 *
 * @throws ForwarderError `invalid` for what netlink cannot say or the kernel never takes
 */
export function canonicalIpObject(object: IpObject): IpObject {
  switch (object.kind) {
    case 'address':
      return { ...object, cidr: formatPrefix(parsePrefix(object.cidr)) };
    case 'neighbour':
      return { ...object, ip: formatIp(parseIp(object.ip)) };
    case 'route':
      return canonicalRoute(object);
    case 'rule':
      return canonicalRule(object);
  }
}

/** 4 or 6; that of a rule is its own. */
export function familyOf(object: IpObject): 4 | 6 {
  if (object.kind === 'rule') return object.family;
  const text = object.kind === 'address' ? object.cidr : object.kind === 'neighbour' ? object.ip : object.destination;
  return text.includes(':') ? 6 : 4;
}

/** The object in words, without the netdev: `route 10.0.0.0/8 via 10.0.0.1 table 7`. */
export function describeIpObject(object: IpObject): string {
  switch (object.kind) {
    case 'address':
      return `address ${object.cidr}`;
    case 'neighbour':
      return `neighbour ${object.ip} at ${object.mac}`;
    case 'route': {
      const via = object.gateway === undefined ? '' : ` via ${object.gateway}`;
      return `route ${object.destination}${via}${object.table === 254 ? '' : ` table ${object.table}`}`;
    }
    case 'rule':
      return describeRule(object);
  }
}

function describeRule({ family, priority, table, from, protocol, sourcePort, destinationPort }: IpRule): string {
  const ports = (what: string, range: PortRange | undefined) => range && `${what} ${range.first}-${range.last}`;
  const selectors = [
    from && `from ${from}`,
    protocol !== undefined && `protocol ${protocol}`,
    ports('source port', sourcePort),
    ports('destination port', destinationPort),
  ].filter(Boolean);
  return [`rule ${priority} of IPv${family}`, ...selectors, `table ${table}`].join(' ');
}

function canonicalRoute(route: IpRoute): IpRoute {
  const destination = network(route.destination);
  requireWhole('table', route.table, { first: 1, last: 0xffff_ffff });
  if (route.gateway === undefined) return { ...route, destination };
  const gateway = formatIp(parseIp(route.gateway));
  if (gateway.includes(':') !== destination.includes(':')) {
    throw new ForwarderError('invalid', `gateway ${gateway} and ${destination} are not of one family`);
  }
  return { ...route, destination, gateway };
}

function canonicalRule(rule: IpRule): IpRule {
  requireWhole('table', rule.table, { first: 1, last: 0xffff_ffff });
  requireWhole('priority', rule.priority, { first: 0, last: 0xffff_ffff });
  if (rule.protocol !== undefined) requireWhole('protocol', rule.protocol, { first: 0, last: 255 });
  for (const range of [rule.sourcePort, rule.destinationPort]) {
    if (range === undefined) continue;
    requireWhole('port', range.first, { first: 1, last: 0xfffe });
    requireWhole('last port', range.last, { first: range.first, last: 0xfffe });
  }
  return rule.from === undefined ? rule : { ...rule, from: source(rule.from, rule.family) };
}

function source(text: string, family: 4 | 6): string {
  const from = network(text);
  if (from.includes(':') !== (family === 6) || from.endsWith('/0')) {
    throw new ForwarderError('invalid', `${text} cannot be the source of a rule of IPv${family}`);
  }
  return from;
}

function network(text: string): string {
  const prefix = parsePrefix(text);
  const masked = formatPrefix(maskPrefix(prefix));
  if (masked !== formatPrefix(prefix)) {
    throw new ForwarderError('invalid', `${text} has host bits: the network is ${masked}`);
  }
  return masked;
}

function requireWhole(what: string, value: number, { first, last }: PortRange): void {
  if (Number.isInteger(value) && value >= first && value <= last) return;
  throw new ForwarderError('invalid', `${what} ${value} is not a whole number from ${first} to ${last}`);
}
