import { expect } from 'chai';
import type { Connection } from '../../apis/generated/connection.js';
import { kindOf } from './kind-of.js';
import { effects, messageOf, oneClient } from './one-client.js';
import { addresses, usualUrl } from './simulated-endpoint.js';

/** A world with these endpoints, tried in this order by the first Request. */
async function endpoints(...names: string[]) {
  const client = await oneClient();
  client.world.endpoint.names = names;
  return client;
}

describe('candidates', () => {
  it('N2: when the first refuses the second is asked, without a second claim or namespace', async () => {
    const { world, wish, untouched } = await endpoints('a', 'b');
    world.endpoint.refusing.set('a', 'full');
    const answer = await world.connect(wish);
    expect(answer.networkServiceEndpointName).to.equal('b');
    expect(world.endpoint.requests.map(({ url }) => url)).to.deep.equal([usualUrl('a'), usualUrl('b')]);
    const calls = effects(world).map((call) => call.split(' ')[0]);
    expect(calls.filter((call) => call === 'caller.receive')).to.have.lengthOf(1);
    expect(calls.filter((call) => call === 'links.move')).to.have.lengthOf(1);
    expect(world.pool.functions().filter((it) => it.use.kind === 'claimed')).to.have.lengthOf(1);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('sends no Close to one that refused by itself, and one to an endpoint that may have taken the Request', async () => {
    const { world, wish } = await endpoints('a', 'b', 'c');
    world.endpoint.refusing.set('a', 'full');
    world.node.faults.failNext(`nextHops.request ${usualUrl('b')}`, 'after');
    const answer = await world.connect(wish);
    expect(answer.networkServiceEndpointName).to.equal('c');
    expect(world.endpoint.closes.map(({ url }) => url)).to.deep.equal([usualUrl('b')]);
    expect(world.endpoint.holding('connection-1')).to.deep.equal([usualUrl('c')]);
  });

  it('one that stays silent until the caller gives up gets a Close, nobody else is asked', async () => {
    const { world, wish, untouched } = await endpoints('a', 'b');
    world.node.faults.failNext(`nextHops.request ${usualUrl('a')}`, 'hang-after');
    expect(await messageOf(world.connect(wish))).to.equal("the caller's call took longer than 15000 ms");
    expect(world.endpoint.requests.map(({ url }) => url)).to.deep.equal([usualUrl('a')]);
    expect(world.endpoint.closes.map(({ url }) => url)).to.deep.equal([usualUrl('a')]);
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
  });

  it('all failures come as one error that names each', async () => {
    const { world, wish, untouched } = await endpoints('a', 'b');
    world.endpoint.refusing.set('a', 'full').set('b', 'closed today');
    expect(await messageOf(world.connect(wish))).to.equal('no candidate took the request: a: full; b: closed today');
    expect(world.state()).to.equal(untouched);
  });

  it('no endpoint at all is said so', async () => {
    const { world, wish, untouched } = await endpoints();
    expect(await messageOf(world.connect(wish))).to.equal('no endpoint of network service service matches the request');
    expect(world.state()).to.equal(untouched);
  });

  it('the turn goes round: each first Request begins with the next endpoint', async () => {
    const { world, tokens } = await endpoints('a', 'b', 'c');
    const taken: string[] = [];
    for (const [i, token] of tokens.entries()) {
      const answer = await world.connect({ token, type: 'NOOP' }, `U${i}`);
      taken.push(answer.networkServiceEndpointName);
    }
    expect(taken).to.deep.equal(['a', 'b', 'c', 'a']);
  });

  it('an endpoint asked for by name is taken, and no other', async () => {
    const { world, wish } = await endpoints('a', 'b');
    const { connection, ...request } = world.firstRequest('U1', wish);
    if (connection === undefined) throw new Error('no connection');
    const named = { ...connection, networkServiceEndpointName: 'b' };
    expect((await world.request({ ...request, connection: named }, wish)).networkServiceEndpointName).to.equal('b');
    const { connection: second, ...more } = world.firstRequest('U2', { ...wish, type: 'NOOP' });
    const unknown = { ...more, connection: second && { ...second, networkServiceEndpointName: 'z' } };
    expect(await messageOf(world.request(unknown, wish))).to.equal('network service endpoint z is not registered');
  });

  it('N1: an endpoint asked for by name counts for nothing when its registration has ended', async () => {
    const { world, wish } = await endpoints('a');
    const answer = await world.connect(wish);
    world.endpoint.ends.set('a', world.clock.wallTime());
    expect(await messageOf(world.refresh(answer, wish))).to.equal(
      'network service endpoint a is not registered any more',
    );
    world.endpoint.ends.set('a', world.clock.wallTime() + 1);
    expect(await kindOf(world.refresh(answer, wish))).to.equal('ok');
  });

  it('a registry that is away does not stop the refresh of a connection whose endpoint is known', async () => {
    const { world, wish } = await endpoints('a');
    const answer = await world.connect(wish);
    using _away = world.node.faults.failEvery('directory.', 'before', 'unavailable');
    expect(await kindOf(world.refresh(answer, wish))).to.equal('ok');
    expect(await kindOf(world.connect({ ...wish, interfaceName: 'nsm-2' }, 'U2'))).to.not.equal('ok');
  });

  it('H2: an endpoint that comes back under another URL is asked there; nobody tries to close the old one', async () => {
    const { world, wish } = await endpoints('a');
    const answer = await world.connect(wish);
    world.endpoint.urls.set('a', 'unix:///run/new.sock');
    const again = await world.refresh(answer, wish);
    expect(world.endpoint.closes).to.deep.equal([]);
    await world.close(again, wish);
    expect(world.endpoint.closes.map(({ url }) => url)).to.deep.equal(['unix:///run/new.sock']);
  });
});

describe('a refresh that names no endpoint', () => {
  /** The last answer with the choice of endpoint left open again. */
  const open = (answer: Connection): Connection => ({ ...answer, networkServiceEndpointName: '' });

  it('may move to another endpoint: the former one is closed when all the rest is done', async () => {
    const { world, wish } = await endpoints('a', 'b');
    const answer = await world.connect(wish);
    world.endpoint.context = { ipContext: addresses('10.0.0.9/32', '10.0.0.8/32') };
    world.node.faults.restart();
    const again = await world.refresh(open(answer), wish);
    expect(again.networkServiceEndpointName).to.equal('b');
    expect(effects(world).at(-1)).to.equal(`nextHops.close ${usualUrl('a')}`);
    expect(world.endpoint.holding('connection-1')).to.deep.equal([usualUrl('b')]);
  });

  it('and that fails later on goes back to the former endpoint, which never heard of it', async () => {
    const { world, wish, untouched } = await endpoints('a', 'b');
    const answer = await world.connect(wish);
    const before = world.state();
    world.endpoint.context = { ipContext: addresses('10.0.0.9/32', '10.0.0.8/32') };
    world.node.faults.failNext('addressing.add', 'before');
    expect(await kindOf(world.refresh(open(answer), wish))).to.equal('refused');
    expect(world.endpoint.holding('connection-1')).to.deep.equal([usualUrl('a')]);
    expect(world.state()).to.equal(before);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('a former endpoint that does not take its Close fails nothing', async () => {
    const { world, wish } = await endpoints('a', 'b');
    const answer = await world.connect(wish);
    world.node.faults.failNext('nextHops.close', 'before');
    expect(await kindOf(world.refresh(open(answer), wish))).to.equal('ok');
  });

  it('another endpoint at the same address is no other next hop: a Close would end the new connection there', async () => {
    const { world, wish } = await endpoints('a', 'b');
    world.endpoint.urls.set('a', 'tcp://10.1.1.1:5001').set('b', 'tcp://10.1.1.1:5001');
    const answer = await world.connect(wish);
    const again = await world.refresh(open(answer), wish);
    expect(again.networkServiceEndpointName).to.equal('b');
    expect(world.endpoint.closes).to.deep.equal([]);
    expect(world.endpoint.holding('connection-1')).to.deep.equal(['tcp://10.1.1.1:5001']);
  });
});
