import { expect } from 'chai';
import { EndpointSockets } from '../../../src/forwarder/grpc/endpoint-sockets.js';
import { ForwarderError } from '../../../src/ports/error.js';
import type { Peer } from '../../../src/transport/peer.js';
import { kindOf } from '../kind-of.js';

const { signal } = new AbortController();

/** A registry that passes a socket for each URL it is asked for, and counts those still open. */
function registry() {
  const open = new Set<string>();
  let asked = 0;
  const receive = async (url: string) => {
    asked += 1;
    const path = `/proc/self/fd/${asked}`;
    await Promise.resolve();
    if (url.endsWith('/0')) throw new ForwarderError('refused', 'it was not sent');
    open.add(path);
    return { path, [Symbol.dispose]: () => void open.delete(path) };
  };
  return { open, asked: () => asked, peer: { receive } as unknown as Pick<Peer, 'receive'> };
}

describe('EndpointSockets', () => {
  it('dials the socket that came for an inode URL, shared under that URL', async () => {
    using sockets = new EndpointSockets();
    const { peer } = registry();
    await sockets.receive('inode://4/7', peer, signal);
    expect(sockets.target('inode://4/7')).to.deep.equal({ key: 'inode://4/7', address: 'unix:///proc/self/fd/1' });
  });

  it('leaves other URLs as they are', async () => {
    using sockets = new EndpointSockets();
    const { peer, asked } = registry();
    await sockets.receive('unix:///run/a.sock', peer, signal);
    expect(asked()).to.equal(0);
    expect(sockets.target('unix:///run/a.sock').address).to.equal('unix:///run/a.sock');
  });

  it('F4: takes each socket once, also when it is announced twice at the same time', async () => {
    using sockets = new EndpointSockets();
    const { peer, open } = registry();
    await Promise.all([sockets.receive('inode://4/7', peer, signal), sockets.receive('inode://4/7', peer, signal)]);
    await sockets.receive('inode://4/7', peer, signal);
    expect(open.size).to.equal(1);
    expect(sockets.size).to.equal(1);
  });

  it('fails when the registry announces a socket and sends none, and asks again the next time', async () => {
    using sockets = new EndpointSockets();
    const { peer, asked } = registry();
    expect(await kindOf(sockets.receive('inode://4/0', peer, signal))).to.equal('refused');
    expect(await kindOf(sockets.receive('inode://4/0', peer, signal))).to.equal('refused');
    expect(asked()).to.equal(2);
    expect(sockets.size).to.equal(0);
  });

  it('F6: keeps 1024, closes the longest unused, and all of them at the end', async () => {
    const { peer, open } = registry();
    {
      using sockets = new EndpointSockets();
      for (let n = 1; n <= 1024; n += 1) await sockets.receive(`inode://4/${n}`, peer, signal);
      sockets.target('inode://4/1');
      await sockets.receive('inode://4/5000', peer, signal);
      expect(sockets.size).to.equal(1024);
      expect(open.size).to.equal(1024);
      expect(sockets.target('inode://4/1').address).to.include('unix:///proc/self/fd/');
      expect(sockets.target('inode://4/2').address).to.equal('inode://4/2');
    }
    expect(open.size).to.equal(0);
  });
});
