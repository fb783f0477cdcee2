import { putU32 } from 'netlink/dist/structs.js';
import { ForwarderError } from '../ports/error.js';
import type { Ip } from '../ports/ip.js';
import { formatIp, formatPrefix, ipFromBytes, parseIp } from '../ports/ip.js';
import type { IpRoute } from '../ports/links.js';
import { Attributes, ip, u32 } from './attributes.js';
import type { IpCodec } from './ip-codec.js';
import { parseNetwork, requireNumber, tableRange } from './ip-codec.js';
import { ADDRESS_FAMILY, ipVersion, NLM_F, OUR_PROTOCOL, RTA, RTM, SCOPE } from './rtnetlink.js';

const headerLength = 12;

/** A route as the kernel lists it, whoever made it. */
export interface ListedRoute {
  readonly route: IpRoute;
  readonly ours: boolean;
}

/** struct rtmsg and RTA_*: unicast routes that carry {@link OUR_PROTOCOL}. */
export const routeCodec: IpCodec<IpRoute> = {
  listType: RTM.GETROUTE,
  listBody: (index) => Buffer.concat([header({}), ...(index === 0 ? [] : [u32(RTA.OIF, index)])]),
  // EXCL, never REPLACE: a route of somebody else that is in the way (the pod's default route) could not be put back.
  add: (route) => ({ type: RTM.NEWROUTE, flags: NLM_F.CREATE | NLM_F.EXCL, body: body(route) }),
  remove: (route) => ({ type: RTM.DELROUTE, flags: 0, body: body(route) }),
  decode: (message) => {
    const listed = decodeRoute(message);
    return listed?.ours === true ? listed.route : undefined;
  },
  identity: (message) => JSON.stringify(decodeRoute(message)?.route),
};

/** Reads RTM_NEWROUTE; undefined for what an {@link IpRoute} cannot say (local, multicast, several paths). */
function decodeRoute(message: Buffer): ListedRoute | undefined {
  const family = ipVersion(message[0]);
  const attributes = new Attributes(message.subarray(headerLength));
  const index = attributes.u32(RTA.OIF);
  if (family === undefined || message[7] !== RTA.TYPE_UNICAST || index === undefined) return undefined;
  const destination = attributes.bytes(RTA.DST);
  const gateway = attributes.bytes(RTA.GATEWAY);
  const network: Ip = destination === undefined ? { family, value: 0n } : ipFromBytes(destination);
  return {
    ours: message[5] === OUR_PROTOCOL,
    route: {
      kind: 'route',
      index,
      destination: formatPrefix({ address: network, length: message[1] ?? 0 }),
      ...(gateway === undefined ? {} : { gateway: formatIp(ipFromBytes(gateway)) }),
      table: routeTable(message),
    },
  };
}

/** The table of any listed route; the header holds only small numbers. */
export function routeTable(message: Buffer): number {
  return new Attributes(message.subarray(headerLength)).u32(RTA.TABLE) ?? message[4] ?? 0;
}

function header(fields: {
  family?: number;
  length?: number;
  protocol?: number;
  scope?: number;
  flags?: number;
}): Buffer {
  const { family = 0, length = 0, protocol = 0, scope = 0, flags = 0 } = fields;
  const type = family === 0 ? 0 : RTA.TYPE_UNICAST;
  return Buffer.concat([Uint8Array.of(family, length, 0, 0, 0, protocol, scope, type), putU32(flags)]);
}

function body(route: IpRoute): Buffer {
  const { address, length } = parseNetwork('destination', route.destination);
  const gateway = route.gateway === undefined ? undefined : parseIp(route.gateway);
  if (gateway !== undefined && gateway.family !== address.family) {
    throw new ForwarderError('invalid', `gateway ${route.gateway} and ${route.destination} are not of one family`);
  }
  const how = gateway === undefined ? { scope: SCOPE.LINK, flags: 0 } : { scope: SCOPE.UNIVERSE, flags: RTA.F_ONLINK };
  return Buffer.concat([
    header({ family: ADDRESS_FAMILY[address.family], length, protocol: OUR_PROTOCOL, ...how }),
    ...(length === 0 ? [] : [ip(RTA.DST, address)]),
    u32(RTA.OIF, route.index),
    ...(gateway === undefined ? [] : [ip(RTA.GATEWAY, gateway)]),
    u32(RTA.TABLE, requireNumber('table', route.table, tableRange)),
  ]);
}
