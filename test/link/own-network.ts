import { closeSync, openSync, stat } from 'node:fs';
import { attribute, nest, text } from '../../src/link/attributes.js';
import type { Request } from '../../src/link/exchange.js';
import { exchange } from '../../src/link/exchange.js';
import { kernelError } from '../../src/link/kernel-error.js';
import { linkHeader } from '../../src/link/link-codec.js';
import { IFLA, NLM_F, RTM } from '../../src/link/rtnetlink.js';
import { lastErrno, libc, systemError } from '../../src/native/libc.js';
import { NetlinkSocket } from '../../src/native/netlink-socket.js';

const unshare: (flags: number) => number = libc.func('int unshare(int flags)');
const setns: (fd: number, type: number) => number = libc.func('int setns(int fd, int nstype)');
const CLONE_NEWNET = 0x4000_0000;
const RTM_NEWLINKPROP = 108;
const [IFLA_LINKINFO, IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER] = [18, 1, 2, 1];

// The threads of the pool stay where they start: at home, not in the first test's namespace.
stat('/', () => undefined);

/** Why tests on the running kernel cannot run here; undefined when they can. */
export function whyNoKernel(): string | undefined {
  return process.getuid?.() === 0 ? undefined : 'needs root: network namespaces and links of the running kernel';
}

/** A network namespace of a test's own. No process lives in it; the kernel drops it, links and all, once it is closed. */
export interface FreshNetwork extends Disposable {
  /** Opens it, until it is disposed. */
  readonly path: string;
}

/** Makes an empty network namespace without staying in it. */
export function freshNetwork(): FreshNetwork {
  const before = openSync(ownPath, 'r');
  try {
    if (unshare(CLONE_NEWNET) !== 0) throw systemError('unshare', lastErrno());
    const fd = openSync(ownPath, 'r');
    enter(before);
    return { path: `/proc/self/fd/${fd}`, [Symbol.dispose]: () => closeSync(fd) };
  } finally {
    closeSync(before);
  }
}

/**
 * Takes this thread into a network namespace of its own until it is disposed: it is the home of whatever is made
 * meanwhile, and what a test leaves behind in it vanishes with it.
 */
export function ownNetwork(): Disposable {
  const before = openSync(ownPath, 'r');
  if (unshare(CLONE_NEWNET) !== 0) throw systemError('unshare', lastErrno());
  return {
    [Symbol.dispose]: () => {
      enter(before);
      closeSync(before);
    },
  };
}

/** Makes a pair of virtual links in the namespace of this thread; the first plays a VF, the second its wire. */
export async function createVeth(name: string, peer: string): Promise<void> {
  const other = attribute(VETH_INFO_PEER, Buffer.concat([linkHeader(0), text(IFLA.IFNAME, peer)]));
  const info = nest(IFLA_LINKINFO, text(IFLA_INFO_KIND, 'veth'), nest(IFLA_INFO_DATA, other));
  const body = Buffer.concat([linkHeader(0), text(IFLA.IFNAME, name), info]);
  await tell({ type: RTM.NEWLINK, flags: NLM_F.CREATE | NLM_F.EXCL, body }, `make ${name}`);
}

/** Gives a link in the namespace of this thread another name beside its own. */
export async function addAltName(index: number, altName: string): Promise<void> {
  const body = Buffer.concat([linkHeader(index), nest(IFLA.PROP_LIST, text(IFLA.ALT_IFNAME, altName))]);
  await tell({ type: RTM_NEWLINKPROP, flags: 0, body }, `name link ${index} ${altName}`);
}

/** One request over a socket of its own, in the namespace of this thread. */
export async function tell(request: Request, operation: string): Promise<readonly Buffer[]> {
  using socket = new NetlinkSocket();
  const [answer] = await exchange(socket, [request]);
  if (answer?.refusal !== undefined) throw kernelError(answer.refusal, operation);
  return answer?.replies ?? [];
}

const ownPath = '/proc/thread-self/ns/net';

function enter(fd: number): void {
  if (setns(fd, CLONE_NEWNET) !== 0) throw systemError('setns', lastErrno());
}
