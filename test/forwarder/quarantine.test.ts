import { expect } from 'chai';
import { toForwarderError } from '../../src/ports/error.js';
import { igb } from '../sim/driver-quirks.js';
import { kindOf } from './kind-of.js';
import { changedWish, effects, inNamespace, messageOf, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';

const vf = '0000:01:10.0';

/** An established connection whose VF cannot be moved home until the result's `broken` is disposed. */
async function strandedVf() {
  const client = await oneClient();
  const { world, wish } = client;
  const answer = await world.connect(wish);
  const broken = world.node.faults.failEvery('links.move /sim/ns/client', 'before', 'busy');
  const error = toForwarderError(await world.close(answer, wish).catch((thrown: unknown) => thrown));
  return { ...client, answer, broken, error };
}

describe('taking a connection back', () => {
  it('goes from the newest step to the oldest: the netdev home, then the next hop, then the VF', async () => {
    const { world, wish } = await oneClient({ pf: { quirks: igb } });
    world.endpoint.context = {
      MTU: 1400,
      ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 },
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', {
        policies: [{ from: '10.0.0.1/32', proto: '', srcPort: '', dstPort: '', routes: [] }],
      }),
    };
    const answer = await world.connect(wish);
    const order: string[] = [];
    world.pool.onChange(() => order.push('VF free'));
    world.node.faults.restart();
    await world.close(answer, wish);
    expect(effects(world)).to.deep.equal([
      'addressing.writeSetting /sim/ns/client ipv4/ping_group_range 1 0',
      'addressing.remove /sim/ns/client rule 20001 of IPv4 from 10.0.0.1/32 table 1',
      'links.move /sim/ns/client #7 nsm-1 to home as vf000001100',
      'links.changeVf home #2 pf0 vf 0 {"mac":"00:00:00:00:00:00","vlan":0,"qos":0,"vlanProtocol":"802.1q"}',
      'pci.unbind 0000:01:10.0',
      'pci.reset 0000:01:10.0',
      'pci.bind 0000:01:10.0 igbvf',
      'links.change home #8 eth0 {"mac":"02:5a:11:3c:6e:f3"}',
      'nextHops.close unix:///run/endpoint.sock',
    ]);
    expect(order).to.deep.equal(['VF free']);
  });

  it('B19, L5: a VF that does not come home is kept from everybody; the next hop is closed all the same', async () => {
    const { world, error } = await strandedVf();
    expect(error.kind).to.equal('busy');
    expect(error.message).to.match(/^connection connection-1 is closed, but could not undo netdev-moved: links\.move/);
    expect(world.endpoint.open()).to.deep.equal([]);
    const [quarantined, ...more] = world.forwarder.quarantined();
    expect(more).to.deep.equal([]);
    expect(quarantined).to.deep.include({
      function: vf,
      owed: ['netdev-moved', 'function-used', 'netdev-identity', 'namespace-held', 'function-claimed'],
      attempts: 0,
    });
    expect(quarantined?.reason).to.match(/^could not undo netdev-moved: links\.move \/sim\/ns\/client/);
  });

  it('its token is unhealthy for kubelet and busy for clients; other VFs are served meanwhile', async () => {
    const { world, wish, tokens } = await strandedVf();
    expect(world.pool.token(wish.token)).to.deep.include({ state: 'quarantined' });
    expect(await kindOf(world.connect({ ...wish, interfaceName: 'nsm-2' }, 'U2'))).to.equal('busy');
    world.endpoint.context = { ipContext: addresses('10.0.0.3/32', '10.0.0.4/32') };
    const other = { token: tokens[1] ?? wish.token, interfaceName: 'nsm-2' };
    const answer = await world.connect(other, 'U3');
    expect(answer.mechanism?.parameters['pciAddress']).to.equal('0000:01:10.2');
    expect(world.forwarder.quarantined()).to.have.lengthOf(1);
  });

  it('tries again with growing pauses, and gives the VF out again as soon as it is clean', async () => {
    const { world, wish, broken, untouched } = await strandedVf();
    const attempts = () => world.forwarder.quarantined()[0]?.attempts;
    await world.clock.advance(499);
    expect(attempts()).to.equal(0);
    await world.clock.advance(1);
    expect(attempts()).to.equal(1);
    await world.clock.advance(999);
    expect(attempts()).to.equal(1);
    await world.clock.advance(1);
    expect(attempts()).to.equal(2);
    await world.clock.advance(3_600_000);
    expect(attempts()).to.be.within(60, 70);
    broken[Symbol.dispose]();
    await world.clock.advance(60_000);
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
    expect(await kindOf(world.connect(wish))).to.equal('ok');
  });

  it('keeps the namespace of a stranded VF open, so that it is not lost when the client dies', async () => {
    const { world, broken, untouched } = await strandedVf();
    world.node.killNamespace('/sim/ns/client');
    await world.node.settled();
    expect(inNamespace(world)).to.include('nsm-1');
    broken[Symbol.dispose]();
    await world.clock.advance(60_000);
    await world.node.settled();
    expect(world.state()).to.equal(untouched.replace('namespace /sim/ns/client\n', ''));
  });

  it('stops trying when the daemon ends, and says what is left', async () => {
    const { world } = await strandedVf();
    world.ended.abort();
    await world.clock.advance(60_000);
    expect(world.clock.pending).to.equal(0);
    expect(world.forwarder.quarantined()).to.have.lengthOf(1);
  });

  it('a VF that is stranded after the daemon has ended is named all the same', async () => {
    const { world, wish } = await oneClient();
    await world.connect(wish);
    using _broken = world.node.faults.failEvery('links.move /sim/ns/client', 'before', 'busy');
    world.ended.abort();
    await world.clock.advanceUntil(world.forwarder.connections.closeAll());
    expect(world.forwarder.quarantined().map((it) => it.function)).to.deep.equal([vf]);
    world.forwarder.connections.stop();
    expect(world.clock.pending).to.equal(0);
  });

  it('a failure to undo is added to the error that caused it, and does not replace it', async () => {
    const { world, wish } = await oneClient();
    world.node.faults.failNext('addressing.add', 'before', 'denied');
    using _broken = world.node.faults.failEvery('links.move /sim/ns/client', 'before', 'busy');
    const error = toForwarderError(await world.connect(wish).catch((thrown: unknown) => thrown));
    expect(error.kind).to.equal('denied');
    expect(error.message).to.match(/^addressing\.add .*: made to fail/);
    expect(error.undoFailures.map(({ message }) => message.split(':')[0])).to.deep.equal([
      'could not undo netdev-moved',
    ]);
  });

  it('a next hop that does not take its Close is told so, and keeps no VF', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    world.node.faults.failNext('nextHops.close', 'hang');
    expect(await messageOf(world.close(answer, wish))).to.equal(
      'connection connection-1 is closed, but could not undo onward: undoing onward took longer than 5000 ms',
    );
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(world.pool.functions().every((it) => it.use.kind === 'free')).to.equal(true);
  });

  it('B23: a change of mechanism whose old VF is stranded goes on without it', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const noop = { ...wish, type: 'NOOP' };
    const broken = world.node.faults.failEvery('links.move /sim/ns/client', 'before', 'busy');
    const again = await world.request(changedWish(answer, noop), noop);
    expect(again.mechanism?.type).to.equal('NOOP');
    expect(world.forwarder.quarantined().map((it) => it.function)).to.deep.equal([vf]);
    broken[Symbol.dispose]();
    await world.clock.advance(60_000);
    const back = await world.request(changedWish(again, wish), wish);
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`);
    await world.close(back, wish);
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(world.state()).to.equal(untouched);
  });
});
