import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import type { Socket } from '../../src/link/exchange.js';
import { linkHeader } from '../../src/link/link-codec.js';
import { RTM } from '../../src/link/rtnetlink.js';
import { RtnlChannel } from '../../src/link/rtnl-channel.js';
import { RtnlLane } from '../../src/link/rtnl-lane.js';
import { NetlinkSocket } from '../../src/native/netlink-socket.js';
import { openOwnNetworkNamespace } from '../../src/native/network-namespace.js';
import { failure, inTime } from '../contract/network-harness.js';

const openDescriptors = () => readdirSync('/proc/self/fd').length;
const readLo = { type: RTM.GETLINK, flags: 0, body: linkHeader(1) };
const options = () => ({ signal: inTime(), operation: 'read lo' });

/** A channel at home over sockets that the test makes. */
function channelOver(openSocket: () => Socket & Disposable): RtnlChannel {
  return new RtnlChannel({ file: openOwnNetworkNamespace(), lane: new RtnlLane(), openSocket });
}

/** A real socket whose send waits until it is let go. */
function hesitantSocket() {
  const real = new NetlinkSocket();
  let letGo: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let closed = false;
  const socket: Socket & Disposable = {
    send: async (messages) => asked.then(() => real.send(messages)),
    receive: (buffer) => real.receive(buffer),
    receivePart: (buffer) => real.receivePart(buffer),
    [Symbol.dispose]: () => {
      closed = true;
      real[Symbol.dispose]();
    },
  };
  return { socket, letGo: () => letGo(), isClosed: () => closed };
}

describe('requests to one namespace', () => {
  it('reach the kernel and bring its answers', async () => {
    using channel = channelOver(() => new NetlinkSocket());
    expect(await channel.request(readLo, options())).to.have.lengthOf(1);
    expect(await channel.dump(RTM.GETLINK, linkHeader(0), options())).to.not.be.empty;
  });

  it('survive an overflow of the receive buffer: the outcome is unknown, the next request is answered', async () => {
    let size: number | undefined = 1;
    using channel = channelOver(() => {
      const socket = new NetlinkSocket(size);
      size = undefined;
      return socket;
    });
    const flood = channel.exchange(
      Array.from({ length: 200 }, () => readLo),
      options(),
    );
    expect((await failure('unknown', flood)).message).to.include('ENOBUFS');
    expect(await channel.request(readLo, options())).to.have.lengthOf(1);
  });

  it('F5, B15: keep every descriptor open while the kernel works, and close it then', async () => {
    const before = openDescriptors();
    const { socket, letGo, isClosed } = hesitantSocket();
    const [channel, target] = [channelOver(() => socket), channelOver(() => new NetlinkSocket())];
    const request = channel.request(readLo, { ...options(), holding: [target] });
    channel[Symbol.dispose]();
    target[Symbol.dispose]();
    expect(isClosed()).to.equal(false);
    expect(openDescriptors()).to.equal(before + 3);
    letGo();
    expect(await request).to.have.lengthOf(1);
    expect(isClosed()).to.equal(true);
    expect(openDescriptors()).to.equal(before);
  });

  it('stuck in the kernel release their caller; the next request waits for them and never meets their answer', async () => {
    const first = hesitantSocket();
    const sockets = [first.socket];
    using channel = channelOver(() => sockets.pop() ?? new NetlinkSocket());
    const leaving = new AbortController();
    const stuck = channel.request(readLo, { signal: leaving.signal, operation: 'read lo' });
    leaving.abort();
    await failure('cancelled', stuck);
    const next = channel.request({ ...readLo, body: linkHeader(1) }, options());
    first.letGo();
    expect(await next).to.have.lengthOf(1);
  });

  it('that the kernel refuses name operation, errno and its text', async () => {
    using channel = channelOver(() => new NetlinkSocket());
    const nonsense = {
      type: RTM.GETLINK,
      flags: 0,
      body: Buffer.concat([linkHeader(1), Buffer.from([8, 0, 200, 0, 0, 0, 0, 0])]),
    };
    const error = await failure('invalid', channel.request(nonsense, options()));
    expect(error.message).to.match(/^cannot read lo: EINVAL \(.+\)$/);
    expect(error.details).to.deep.equal({ errno: 'EINVAL' });
  });
});
