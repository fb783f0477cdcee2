import { getS32, getU32, putS32, putU16, putU32 } from 'netlink/dist/structs.js';
import { ForwarderError } from '../ports/error.js';
import { macBytes, macFromBytes } from '../ports/ip.js';
import type { Link, LinkChange, LinkSelector } from '../ports/links.js';
import type { PciAddress } from '../ports/pci-address.js';
import { parsePciAddress } from '../ports/pci-address.js';
import { Attributes, all, attribute, nest, text, u32 } from './attributes.js';
import type { Request } from './exchange.js';
import { IFLA, NLM_F, RTEXT_FILTER, RTM } from './rtnetlink.js';

const IFF_UP = 1;
const IFF_LOWER_UP = 1 << 16;
const headerLength = 16;
/** Bytes of a name without its final zero (IFNAMSIZ, ALTIFNAMSIZ). */
const longestName = 15;
const longestAltName = 127;

/** struct ifinfomsg: which flags to set, and to what. */
export function linkHeader(index: number, flags = 0, mask = 0): Buffer {
  return Buffer.concat([putU16(0), putU16(0), putS32(index), putU32(flags), putU32(mask)]);
}

/**
 * The body of RTM_GETLINK for one link; undefined when no link can have that name. A selector by parent has no such
 * question: it needs a list.
 */
export function linkQuestion(by: Exclude<LinkSelector, { parent: PciAddress }>): Buffer | undefined {
  const header = linkHeader('index' in by ? by.index : 0);
  const mask = u32(IFLA.EXT_MASK, RTEXT_FILTER.SKIP_STATS);
  if ('index' in by) return Buffer.concat([header, mask]);
  const length = Buffer.byteLength(by.name);
  if (length === 0 || length > longestAltName || by.name.includes('\0')) return undefined;
  return Buffer.concat([header, mask, text(length > longestName ? IFLA.ALT_IFNAME : IFLA.IFNAME, by.name)]);
}

/** Reads RTM_NEWLINK. */
export function decodeLink(body: Buffer): Link {
  const attributes = new Attributes(body.subarray(headerLength));
  const mac = attributes.bytes(IFLA.ADDRESS);
  const parent = parentOf(body);
  const flags = getU32(body.subarray(8, 12));
  return {
    index: getS32(body.subarray(4, 8)),
    name: attributes.text(IFLA.IFNAME) ?? '',
    altNames: all(IFLA.ALT_IFNAME, attributes.bytes(IFLA.PROP_LIST)).map((name) =>
      name.toString('utf8', 0, name.length - 1),
    ),
    mac: mac?.length === 6 ? macFromBytes(mac) : '',
    mtu: attributes.u32(IFLA.MTU) ?? 0,
    up: (flags & IFF_UP) !== 0,
    ...((flags & IFF_LOWER_UP) !== 0 && { carrier: true as const }),
    ...(parent === undefined ? {} : { parent }),
  };
}

/** The PCI function behind the link of RTM_NEWLINK, without the cost of reading all of it. */
export function parentOf(body: Buffer): PciAddress | undefined {
  const attributes = new Attributes(body.subarray(headerLength));
  if (attributes.text(IFLA.PARENT_DEV_BUS_NAME) !== 'pci') return undefined;
  return parsePciAddress(attributes.text(IFLA.PARENT_DEV_NAME) ?? '');
}

/**
 * RTM_SETLINK for a change: one message, or two where the link is taken down, for the kernel would do that last, while
 * drivers want it first (and kernels before 6.2 for a rename).
 *
 * @throws ForwarderError `invalid` for a name that no link may have
 */
export function changeRequests(index: number, change: LinkChange): readonly Request[] {
  const { name, mac, mtu, up } = change;
  const attributes = [
    ...(name === undefined ? [] : [linkName(name)]),
    ...(mac === undefined ? [] : [attribute(IFLA.ADDRESS, macBytes(mac))]),
    ...(mtu === undefined ? [] : [u32(IFLA.MTU, requireMtu(mtu))]),
  ];
  const set = (header: Buffer, ...rest: readonly Buffer[]) => ({
    type: RTM.SETLINK,
    flags: 0,
    body: Buffer.concat([header, ...rest]),
  });
  if (up === false && attributes.length > 0) {
    return [set(linkHeader(index, 0, IFF_UP)), set(linkHeader(index), ...attributes)];
  }
  if (up === undefined && attributes.length === 0) return [];
  return [set(linkHeader(index, up === true ? IFF_UP : 0, up === undefined ? 0 : IFF_UP), ...attributes)];
}

/** RTM_SETLINK that moves a link to the namespace behind a descriptor and names it. */
export function moveRequest(index: number, fd: number, name: string): Request {
  const body = Buffer.concat([linkHeader(index), u32(IFLA.NET_NS_FD, fd), linkName(name)]);
  return { type: RTM.SETLINK, flags: 0, body };
}

/** RTM_NEWLINKPROP for one alternative name. */
export function addAltNameRequest(index: number, altName: string): Request {
  return { type: RTM.NEWLINKPROP, flags: NLM_F.CREATE | NLM_F.EXCL, body: altNameBody(index, altName) };
}

/** RTM_DELLINKPROP for one alternative name. */
export function removeAltNameRequest(index: number, altName: string): Request {
  return { type: RTM.DELLINKPROP, flags: 0, body: altNameBody(index, altName) };
}

function altNameBody(index: number, altName: string): Buffer {
  return Buffer.concat([linkHeader(index), nest(IFLA.PROP_LIST, text(IFLA.ALT_IFNAME, altName))]);
}

/** The kernel's own rule (dev_valid_name), and no `%`: it takes that for a pattern and makes up a number. */
function linkName(name: string): Buffer {
  const length = Buffer.byteLength(name);
  if (length === 0 || length > longestName || name === '.' || name === '..' || /[/:%\s\0]/.test(name)) {
    throw new ForwarderError(
      'invalid',
      `${JSON.stringify(name)} cannot name a link: 1 to ${longestName} bytes without "/", ":", "%" and white space, not "." or ".."`,
    );
  }
  return text(IFLA.IFNAME, name);
}

function requireMtu(mtu: number): number {
  if (Number.isInteger(mtu) && mtu >= 0 && mtu <= 0x7fff_ffff) return mtu;
  throw new ForwarderError('invalid', `${mtu} is not an MTU: expected a whole number of bytes`);
}
