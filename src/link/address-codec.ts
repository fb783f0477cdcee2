import { getU32, putU32 } from 'netlink/dist/structs.js';
import type { Prefix } from '../ports/ip.js';
import { formatPrefix, ipFromBytes, parsePrefix } from '../ports/ip.js';
import type { IpAddress } from '../ports/links.js';
import { Attributes, ip } from './attributes.js';
import type { IpCodec } from './ip-codec.js';
import { ADDRESS_FAMILY, IFA, NLM_F, RTM, SCOPE } from './rtnetlink.js';

const headerLength = 8;
const permanent = IFA.F_PERMANENT;
/** Without duplicate detection an IPv6 address serves at once, even when there is no carrier. */
const permanentAtOnce = IFA.F_PERMANENT | IFA.F_NODAD;

/** struct ifaddrmsg and IFA_*: addresses of universe scope, permanent. */
export const addressCodec: IpCodec<IpAddress> = {
  listType: RTM.GETADDR,
  listBody: (index) => header({ family: 0, length: 0, flags: 0, index }),
  add: (address) => ({
    type: RTM.NEWADDR,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    body: body(address, broadcast(parsePrefix(address.cidr))),
  }),
  remove: (address) => ({ type: RTM.DELADDR, flags: 0, body: body(address) }),
  decode: (message) => {
    const attributes = new Attributes(message.subarray(headerLength));
    const bytes = attributes.bytes(IFA.LOCAL) ?? attributes.bytes(IFA.ADDRESS);
    if (message[3] !== SCOPE.UNIVERSE || bytes === undefined) return undefined;
    const cidr = formatPrefix({ address: ipFromBytes(bytes), length: message[1] ?? 0 });
    return { kind: 'address', index: getU32(message.subarray(4, 8)), cidr };
  },
  identity: (message) => JSON.stringify(addressCodec.decode(message)),
};

function header(fields: { family: number; length: number; flags: number; index: number }): Buffer {
  const { family, length, flags, index } = fields;
  return Buffer.concat([Uint8Array.of(family, length, flags, SCOPE.UNIVERSE), putU32(index)]);
}

function body({ index, cidr }: IpAddress, ...more: readonly Buffer[]): Buffer {
  const { address, length } = parsePrefix(cidr);
  const flags = address.family === 6 ? permanentAtOnce : permanent;
  return Buffer.concat([
    header({ family: ADDRESS_FAMILY[address.family], length, flags, index }),
    ip(IFA.LOCAL, address),
    ip(IFA.ADDRESS, address),
    ...more,
  ]);
}

/** The IPv4 broadcast address; networks of one or two addresses have none, nor has IPv6. */
function broadcast({ address, length }: Prefix): Buffer {
  if (address.family === 6 || length > 30) return Buffer.alloc(0);
  return ip(IFA.BROADCAST, { family: 4, value: address.value | ((1n << BigInt(32 - length)) - 1n) });
}
