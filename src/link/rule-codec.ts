import { getU16, putU32 } from 'netlink/dist/structs.js';
import { ForwarderError } from '../ports/error.js';
import type { Prefix } from '../ports/ip.js';
import { formatPrefix, ipFromBytes } from '../ports/ip.js';
import type { IpRule, PortRange } from '../ports/links.js';
import { Attributes, ip, u8, u16s, u32 } from './attributes.js';
import type { IpCodec } from './ip-codec.js';
import { parseNetwork, requireNumber, tableRange } from './ip-codec.js';
import { ADDRESS_FAMILY, FRA, ipVersion, NLM_F, OUR_PROTOCOL, RTM } from './rtnetlink.js';

const headerLength = 12;
const byte = { first: 0, last: 0xff } as const;
const anyPriority = { first: 0, last: 0xffff_ffff } as const;
const anyPort = { first: 1, last: 0xfffe } as const;

/** struct fib_rule_hdr and FRA_*: rules to a table that carry {@link OUR_PROTOCOL}. */
export const ruleCodec: IpCodec<IpRule> = {
  listType: RTM.GETRULE,
  listBody: () => header(0, 0, 0),
  add: (rule) => ({ type: RTM.NEWRULE, flags: NLM_F.CREATE | NLM_F.EXCL, body: body(rule) }),
  remove: (rule) => ({ type: RTM.DELRULE, flags: 0, body: body(rule) }),
  decode: (message) => {
    const family = ipVersion(message[0]);
    const attributes = new Attributes(message.subarray(headerLength));
    const ours = attributes.u8(FRA.PROTOCOL) === OUR_PROTOCOL && message[7] === FRA.ACT_TO_TABLE;
    if (!ours || family === undefined) return undefined;
    return {
      kind: 'rule',
      family,
      priority: attributes.u32(FRA.PRIORITY) ?? 0,
      table: ruleTable(message),
      ...selectors(attributes, message[2] ?? 0),
    };
  },
  identity: (message) => JSON.stringify(ruleCodec.decode(message)),
};

/** The table of any listed rule. */
export function ruleTable(message: Buffer): number {
  return new Attributes(message.subarray(headerLength)).u32(FRA.TABLE) ?? message[4] ?? 0;
}

/**
 * True when the kernel, asked to remove `wanted`, might take `present` for it: a selector that is not given fits any.
 */
export function removalMatches(wanted: IpRule, present: IpRule): boolean {
  const fits = (value: unknown, other: unknown) =>
    value === undefined || JSON.stringify(value) === JSON.stringify(other);
  return (
    wanted.family === present.family &&
    wanted.priority === present.priority &&
    wanted.table === present.table &&
    fits(wanted.from, present.from) &&
    fits(wanted.protocol, present.protocol) &&
    fits(wanted.sourcePort, present.sourcePort) &&
    fits(wanted.destinationPort, present.destinationPort)
  );
}

function selectors(attributes: Attributes, sourceLength: number): Partial<IpRule> {
  const source = attributes.bytes(FRA.SRC);
  const protocol = attributes.u8(FRA.IP_PROTO);
  const sourcePort = portRange(attributes.bytes(FRA.SPORT_RANGE));
  const destinationPort = portRange(attributes.bytes(FRA.DPORT_RANGE));
  return {
    ...(source === undefined ? {} : { from: formatPrefix({ address: ipFromBytes(source), length: sourceLength }) }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined ? {} : { destinationPort }),
  };
}

function portRange(data: Buffer | undefined): PortRange | undefined {
  return data && { first: getU16(data.subarray(0, 2)), last: getU16(data.subarray(2, 4)) };
}

function header(family: number, sourceLength: number, action: number): Buffer {
  return Buffer.concat([Uint8Array.of(family, 0, sourceLength, 0, 0, 0, 0, action), putU32(0)]);
}

/** A removal carries all that an addition does: priority, table, origin and every selector. */
function body(rule: IpRule): Buffer {
  const { protocol, sourcePort, destinationPort } = rule;
  const from = source(rule);
  return Buffer.concat([
    header(ADDRESS_FAMILY[rule.family], from?.length ?? 0, FRA.ACT_TO_TABLE),
    ...(from === undefined ? [] : [ip(FRA.SRC, from.address)]),
    u32(FRA.PRIORITY, requireNumber('priority', rule.priority, anyPriority)),
    u32(FRA.TABLE, requireNumber('table', rule.table, tableRange)),
    u8(FRA.PROTOCOL, OUR_PROTOCOL),
    ...(protocol === undefined ? [] : [u8(FRA.IP_PROTO, requireNumber('IP protocol', protocol, byte))]),
    ...(sourcePort === undefined ? [] : [ports(FRA.SPORT_RANGE, sourcePort)]),
    ...(destinationPort === undefined ? [] : [ports(FRA.DPORT_RANGE, destinationPort)]),
  ]);
}

function source(rule: IpRule): Prefix | undefined {
  if (rule.from === undefined) return undefined;
  const from = parseNetwork('source', rule.from);
  if (from.address.family !== rule.family) {
    throw new ForwarderError('invalid', `source ${rule.from} does not belong to a rule of IPv${rule.family}`);
  }
  // The kernel keeps no source of length 0, so a list would not show it: absent is the one form of "from anywhere".
  if (from.length === 0) throw new ForwarderError('invalid', `source ${rule.from} selects nothing: leave it out`);
  return from;
}

function ports(type: number, { first, last }: PortRange): Buffer {
  requireNumber('port', first, anyPort);
  return u16s(type, first, requireNumber('last port', last, { first, last: anyPort.last }));
}
