import { attribute, nest, text, u32 } from '../../src/link/attributes.js';
import { exchange, type Request } from '../../src/link/exchange.js';
import { kernelError } from '../../src/link/kernel-error.js';
import { decodeLink, linkHeader } from '../../src/link/link-codec.js';
import { IFLA, NLM_F, RTM } from '../../src/link/rtnetlink.js';
import { NetlinkSocket } from '../../src/native/netlink-socket.js';
import { insideNetworkNamespace, type NamespaceFile } from '../../src/native/network-namespace.js';
import { macBytes } from '../../src/ports/ip.js';
import type { Link, Mac } from '../../src/ports/links.js';

const [IFLA_LINKINFO, IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER] = [18, 1, 2, 1];

/** One end of a cable. */
export interface CableEnd {
  readonly namespace: NamespaceFile;
  readonly name: string;
  readonly mac: Mac;
}

/** Makes a pair of links that are connected to each other, both down. */
export async function layCable(end: CableEnd, other: CableEnd): Promise<void> {
  const far = Buffer.concat([linkHeader(0), u32(IFLA.NET_NS_FD, other.namespace.fd), ...nameAndMac(other)]);
  const info = nest(IFLA_LINKINFO, text(IFLA_INFO_KIND, 'veth'), nest(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, far)));
  const body = Buffer.concat([linkHeader(0), ...nameAndMac(end), info]);
  await tell(end.namespace, { type: RTM.NEWLINK, flags: NLM_F.CREATE | NLM_F.EXCL, body }, `make ${end.name}`);
}

/** Deletes a link, and with it the other end of its cable. */
export async function deleteLink(namespace: NamespaceFile, index: number): Promise<void> {
  await tell(namespace, { type: RTM.DELLINK, flags: 0, body: linkHeader(index) }, `delete link ${index}`);
}

/** Every link of a namespace. */
export async function listLinks(namespace: NamespaceFile): Promise<readonly Link[]> {
  const replies = await tell(namespace, { type: RTM.GETLINK, flags: NLM_F.DUMP, body: linkHeader(0) }, 'list links');
  return replies.map(decodeLink);
}

function nameAndMac({ name, mac }: CableEnd): readonly Buffer[] {
  return [text(IFLA.IFNAME, name), attribute(IFLA.ADDRESS, macBytes(mac))];
}

async function tell(namespace: NamespaceFile, request: Request, operation: string): Promise<readonly Buffer[]> {
  using socket = insideNetworkNamespace(namespace, () => new NetlinkSocket());
  const [answer] = await exchange(socket, [request]);
  if (answer?.refusal !== undefined) throw kernelError(answer.refusal, operation);
  return answer?.replies ?? [];
}
