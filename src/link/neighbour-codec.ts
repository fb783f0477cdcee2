import { getS32, getU16, putS32, putU16 } from 'netlink/dist/structs.js';
import { formatIp, ipFromBytes, macBytes, macFromBytes, parseIp } from '../ports/ip.js';
import type { IpNeighbour } from '../ports/links.js';
import { Attributes, attribute, ip, u8, u32 } from './attributes.js';
import type { IpCodec } from './ip-codec.js';
import { ADDRESS_FAMILY, NDA, NLM_F, OUR_PROTOCOL, RTM } from './rtnetlink.js';

const headerLength = 12;

/** struct ndmsg and NDA_*: permanent neighbours, which never expire, with {@link OUR_PROTOCOL}. */
export const neighbourCodec: IpCodec<IpNeighbour> = {
  listType: RTM.GETNEIGH,
  listBody: (index) => Buffer.concat([header(0, 0, 0), ...(index === 0 ? [] : [u32(NDA.IFINDEX, index)])]),
  // REPLACE: what the kernel has learned by itself about an address gives way.
  add: (neighbour) => ({
    type: RTM.NEWNEIGH,
    flags: NLM_F.CREATE | NLM_F.REPLACE,
    body: Buffer.concat([
      body(neighbour),
      attribute(NDA.LLADDR, macBytes(neighbour.mac)),
      u8(NDA.PROTOCOL, OUR_PROTOCOL),
    ]),
  }),
  remove: (neighbour) => ({ type: RTM.DELNEIGH, flags: 0, body: body(neighbour) }),
  decode: (message) => {
    const attributes = new Attributes(message.subarray(headerLength));
    const address = attributes.bytes(NDA.DST);
    const mac = attributes.bytes(NDA.LLADDR);
    const state = getU16(message.subarray(8, 10));
    const ours = attributes.u8(NDA.PROTOCOL) === OUR_PROTOCOL && state === NDA.NUD_PERMANENT;
    if (!ours || address === undefined || mac?.length !== 6) return undefined;
    const index = getS32(message.subarray(4, 8));
    return { kind: 'neighbour', index, ip: formatIp(ipFromBytes(address)), mac: macFromBytes(mac) };
  },
  identity: (message) => JSON.stringify(neighbourCodec.decode(message)),
};

function header(family: number, index: number, state: number): Buffer {
  return Buffer.concat([Uint8Array.of(family, 0, 0, 0), putS32(index), putU16(state), Uint8Array.of(0, 0)]);
}

function body(neighbour: IpNeighbour): Buffer {
  const address = parseIp(neighbour.ip);
  return Buffer.concat([
    header(ADDRESS_FAMILY[address.family], neighbour.index, NDA.NUD_PERMANENT),
    ip(NDA.DST, address),
  ]);
}
