import { expect } from 'chai';
import { State } from '../../apis/generated/connection.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { igb } from '../sim/driver-quirks.js';
import { kindOf } from './kind-of.js';
import { changedWish, effects, inNamespace, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';
import { addClient, type SimulatedForwarder } from './simulated-forwarder.js';

const never = new AbortController().signal;

/** Somebody moves a client's netdev away. */
async function moveByHand(world: SimulatedForwarder, name: string, to: 'home' | string): Promise<void> {
  using client = world.node.namespaces.open('/sim/ns/client');
  using opened = to === 'home' ? undefined : world.node.namespaces.open(to);
  const link = await client.links.find({ name }, never);
  await client.links.move(link?.index ?? 0, opened ?? world.node.namespaces.home, name, never);
}

describe('a refresh that cannot be done in place', () => {
  it('K3: takes the netdev home and back for another MAC or VLAN, and clears what the answer drops', async () => {
    const { world, wish, untouched } = await oneClient({ pf: { quirks: igb } });
    const ipContext = addresses('10.0.0.1/32', '10.0.0.2/32');
    const first = '02:00:00:00:00:01';
    world.endpoint.context = { ipContext, ethernetContext: { srcMac: first, dstMac: '', vlanTag: 100 } };
    let answer = await world.connect(wish);
    world.endpoint.context = { ipContext, ethernetContext: { srcMac: first, dstMac: '', vlanTag: 200 } };
    answer = await world.refresh(answer, wish);
    expect(world.node.snapshot()).to.include('igbvf in group 2, mac=02:00:00:00:00:01, vlan=200\n');
    world.endpoint.context = { ipContext, ethernetContext: { srcMac: first, dstMac: '', vlanTag: 0 } };
    answer = await world.refresh(answer, wish);
    expect(world.node.snapshot()).to.include('igbvf in group 2, mac=02:00:00:00:00:01\n');
    world.endpoint.context = { ipContext, ethernetContext: undefined };
    answer = await world.refresh(answer, wish);
    expect(world.node.snapshot()).to.include('VF 0 0000:01:10.0 igbvf in group 2\n');
    expect(inNamespace(world)).to.include('nsm-1 of 0000:01:10.0').and.include('address 10.0.0.1/32');
    expect(world.endpoint.requests).to.have.lengthOf(4);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('renames by way of home when the client wants another name', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const renamed = { ...wish, interfaceName: 'nsm-2' };
    const again = await world.request(changedWish(answer, renamed), renamed);
    expect(inNamespace(world)).to.match(/^ {2}nsm-2 of 0000:01:10\.0 .* up\n {4}address/);
    await world.close(again, renamed);
    expect(world.state()).to.equal(untouched);
  });

  it('follows the client into another namespace and lets go of the one before', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    addClient(world, '/sim/ns/new');
    const moved = { ...wish, namespace: '/sim/ns/new' };
    const again = await world.request(changedWish(answer, moved), moved);
    expect(inNamespace(world)).to.equal('');
    expect(inNamespace(world, '/sim/ns/new')).to.include('nsm-1 of 0000:01:10.0').and.include('address 10.0.0.1/32');
    expect(world.node.openHandles()).to.equal(1);
    world.node.killNamespace('/sim/ns/client');
    await world.node.settled();
    expect(world.node.snapshot()).not.to.include('/sim/ns/client');
    await world.close(again, moved);
    world.node.killNamespace('/sim/ns/new');
    await world.node.settled();
    expect(world.state()).to.equal(untouched.replace('namespace /sim/ns/client\n', ''));
  });

  for (const to of ['home', '/sim/ns/other']) {
    it(`brings a netdev again that somebody moved to ${to}, unless it cannot be found`, async () => {
      const { world, wish, untouched } = await oneClient({ resetVfs: false });
      const answer = await world.connect(wish);
      const before = inNamespace(world);
      if (to !== 'home') addClient(world, to);
      await moveByHand(world, 'nsm-1', to);
      if (to === 'home') {
        const again = await world.refresh(answer, wish);
        expect(inNamespace(world)).to.equal(before);
        await world.close(again, wish);
        expect(world.state()).to.equal(untouched);
      } else {
        expect(await kindOf(world.refresh(answer, wish))).to.equal('timed-out');
        expect(world.forwarder.quarantined().map((it) => it.function)).to.deep.equal(['0000:01:10.0']);
        world.node.killNamespace(to);
        await world.clock.advance(600_000);
        expect(world.forwarder.quarantined()).to.deep.equal([]);
        expect(world.state()).to.equal(untouched);
      }
    });
  }

  it('brings a new netdev when its function starts afresh, wherever the old one is', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    addClient(world, '/sim/ns/other');
    await moveByHand(world, 'nsm-1', '/sim/ns/other');
    const again = await world.refresh(answer, wish);
    expect(inNamespace(world)).to.include('nsm-1 of 0000:01:10.0').and.include('address 10.0.0.1/32');
    expect(inNamespace(world, '/sim/ns/other')).to.equal('');
    world.node.killNamespace('/sim/ns/other');
    await world.close(again, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('brings a new netdev when somebody has bound the driver anew and so destroyed the old one', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    const vf = parsePciAddress('0000:01:10.0');
    await world.node.bus.unbind(vf, never);
    await world.node.bus.bind(vf, 'igbvf', never);
    expect(inNamespace(world)).not.to.include('nsm-1');
    await world.refresh(answer, wish);
    expect(inNamespace(world)).to.include('nsm-1 of 0000:01:10.0').and.include('address 10.0.0.1/32');
  });

  it('B3, R4, L13: that changes the mechanism gives everything back first, and remembers the new one', async () => {
    const { world, wish, untouched } = await oneClient();
    const noop = { ...wish, type: 'NOOP' };
    let answer = await world.connect(wish);
    answer = await world.request(changedWish(answer, noop), noop);
    expect(inNamespace(world)).not.to.include('nsm-1');
    expect(world.pool.functions().filter((it) => it.use.kind !== 'free')).to.deep.equal([]);
    world.node.faults.restart();
    answer = await world.refresh(answer, noop);
    expect(effects(world)).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    answer = await world.request(changedWish(answer, wish), wish);
    expect(inNamespace(world)).to.include('nsm-1 of 0000:01:10.0');
    world.node.faults.restart();
    answer = await world.refresh(answer, wish);
    expect(effects(world)).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('with RESELECT_REQUESTED closes what was there and begins anew, and hands the wish on', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const { connection, ...request } = changedWish(answer, wish);
    if (connection === undefined) throw new Error('no connection');
    const reselect = { ...connection, state: State.RESELECT_REQUESTED, networkServiceEndpointName: '' };
    world.node.faults.restart();
    const again = await world.request({ ...request, connection: reselect }, wish);
    const hops = effects(world).filter((call) => /^(nextHops|links\.move)/.test(call));
    expect(hops.map((call) => call.split(' ')[0])).to.deep.equal([
      'links.move',
      'nextHops.close',
      'nextHops.request',
      'links.move',
    ]);
    expect(world.endpoint.requests.at(-1)?.connection.state).to.equal(State.RESELECT_REQUESTED);
    expect(again.state).to.equal(State.UP);
    await world.close(again, wish);
    expect(world.state()).to.equal(untouched);
  });
});
