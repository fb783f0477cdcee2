import { expect } from 'chai';
import { State } from '../../apis/generated/connection.js';
import { ForwarderError } from '../../src/ports/error.js';
import { kindOf } from './kind-of.js';
import { changedWish, effects, inNamespace, messageOf, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';

/** The kernel forgets these with IPv6, and they only matter while a netdev comes up. */
function withoutIpv6Settings(section: string): string {
  return section.replace('    ipv6/ndisc_notify = 1\n', '');
}

describe('a refresh', () => {
  it('B27: touches nothing when nothing has changed, and looks only as often as it must', async () => {
    const { world, wish } = await oneClient();
    world.endpoint.context = {
      MTU: 1400,
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', {
        policies: [{ from: '10.0.0.1/32', proto: '', srcPort: '', dstPort: '', routes: [] }],
      }),
    };
    const answer = await world.connect(wish);
    const before = world.state();
    world.node.faults.restart();
    await world.refresh(answer, wish);
    expect(effects(world)).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    const looks = world.node.faults.calls.filter((call) => !call.startsWith('journal'));
    expect(looks).to.have.lengthOf(8);
    expect(world.state()).to.equal(before);
  });

  it('B27: changes addresses, routes, neighbours, rules and MTU by their difference', async () => {
    const { world, wish, untouched } = await oneClient();
    world.endpoint.context = {
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', {
        srcIpAddrs: ['10.0.0.1/32', '10.0.0.5/32'],
        policies: [
          { from: '', proto: '6', srcPort: '', dstPort: '80', routes: [{ prefix: '0.0.0.0/0', nextHop: '' }] },
          { from: '', proto: '17', srcPort: '', dstPort: '53', routes: [{ prefix: '0.0.0.0/0', nextHop: '' }] },
        ],
      }),
    };
    const answer = await world.connect(wish);
    world.endpoint.context = {
      MTU: 1300,
      ipContext: addresses('10.0.0.1/32', '10.0.0.3/32', {
        ipNeighbors: [{ ip: '10.0.0.3', hardwareAddress: '02:00:00:00:00:99' }],
        policies: [
          { from: '', proto: '17', srcPort: '', dstPort: '53', routes: [{ prefix: '0.0.0.0/0', nextHop: '10.0.0.3' }] },
        ],
      }),
    };
    world.node.faults.restart();
    const again = await world.refresh(answer, wish);
    expect(inNamespace(world)).to.match(/^ {2}nsm-1 of 0000:01:10\.0 \S+ mtu 1300 up\n/);
    expect(inNamespace(world).split('\n').slice(1).join('\n')).to.equal(`    address 10.0.0.1/32
    neighbour 10.0.0.3 at 02:00:00:00:00:99
    route 0.0.0.0/0 via 10.0.0.3 table 2
    route 10.0.0.3/32
    ipv4/arp_notify = 1
    ipv6/ndisc_notify = 1
  rule 20002 of IPv4 protocol 17 destination port 53-53 table 2
  ipv4/ping_group_range = 0 2147483647
`);
    expect(effects(world).filter((call) => call.includes('10.0.0.1/32'))).to.deep.equal([]);
    await world.close(again, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('B26: raises the MTU before it adds IPv6 addresses', async () => {
    const { world, wish } = await oneClient();
    world.endpoint.context = { MTU: 1000, ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') };
    const answer = await world.connect(wish);
    world.endpoint.context = { MTU: 1500, ipContext: addresses('fd00::1/128', 'fd00::2/128') };
    world.node.faults.restart();
    await world.refresh(answer, wish);
    expect(effects(world).slice(1, 3)).to.deep.equal([
      'links.change /sim/ns/client #3 nsm-1 {"mtu":1500}',
      'addressing.add /sim/ns/client address fd00::1/128 on #3, route fd00::2/128 on #3',
    ]);
    expect(inNamespace(world)).to.include('address fd00::1/128');
  });

  it('B26: refuses IPv6 addresses below an MTU of 1280 instead of losing them, and leaves what was there', async () => {
    const { world, wish } = await oneClient();
    world.endpoint.context = { ipContext: addresses('fd00::1/128', 'fd00::2/128') };
    const answer = await world.connect(wish);
    const before = withoutIpv6Settings(inNamespace(world));
    world.endpoint.context = { MTU: 1279, ipContext: addresses('fd00::1/128', 'fd00::2/128') };
    expect(await messageOf(world.refresh(answer, wish))).to.include('an MTU of 1279 leaves no IPv6');
    expect(withoutIpv6Settings(inNamespace(world))).to.equal(before);
  });

  it('gives IPv6 back when lowering the MTU below 1280 fails later on', async () => {
    const { world, wish } = await oneClient();
    world.endpoint.context = {
      ipContext: addresses('fd00::1/128', 'fd00::2/128', {
        ipNeighbors: [{ ip: 'fd00::2', hardwareAddress: '02:00:00:00:00:99' }],
      }),
    };
    const answer = await world.connect(wish);
    const before = withoutIpv6Settings(inNamespace(world));
    world.endpoint.context = { MTU: 1000, ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') };
    world.node.faults.failNext('addressing.add /sim/ns/client address 10.0.0.1/32', 'after');
    expect(await kindOf(world.refresh(answer, wish))).to.equal('unknown');
    expect(withoutIpv6Settings(inNamespace(world))).to.equal(before);
  });

  it('takes a netdev up again that the client took down, with all that it lost', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    const before = inNamespace(world);
    world.node.others.changeLink('/sim/ns/client', 'nsm-1', { up: false });
    expect(inNamespace(world)).not.to.equal(before);
    await world.refresh(answer, wish);
    expect(inNamespace(world)).to.equal(before);
  });

  it('finds the netdev that somebody has renamed, and gives it the name that was asked for', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    world.node.others.changeLink('/sim/ns/client', 'nsm-1', { name: 'mine' });
    world.endpoint.context = { ipContext: addresses('10.0.0.9/32', '10.0.0.2/32') };
    const again = await world.refresh(answer, wish);
    expect(inNamespace(world)).to.match(/^ {2}nsm-1 of 0000:01:10\.0 .*\n {4}address 10\.0\.0\.9\/32\n/);
    await world.close(again, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('B35, F2: one that fails keeps the namespace open, tells monitors DOWN, and Close works', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const states: State[] = [];
    using _subscription = world.forwarder.events.subscribe(({ connection }) => states.push(connection.state));
    world.endpoint.refusal = new ForwarderError('refused', 'not today');
    expect(await messageOf(world.refresh(answer, wish))).to.equal('not today');
    expect(states).to.deep.equal([State.DOWN]);
    expect(world.node.openHandles()).to.equal(1);
    world.node.killNamespace('/sim/ns/client');
    await world.node.settled();
    expect(inNamespace(world)).to.include('nsm-1');
    await world.close(answer, wish);
    await world.node.settled();
    expect(world.state()).to.equal(untouched.replace('namespace /sim/ns/client\n', ''));
  });

  it('that fails after one that brought the netdev anew leaves the connection alone all the same', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    world.endpoint.context = {
      ...world.endpoint.context,
      ethernetContext: { srcMac: '', dstMac: '', vlanTag: 5 },
    };
    const again = await world.refresh(answer, wish);
    const before = world.state();
    world.endpoint.refusal = new ForwarderError('refused', 'not today');
    expect(await kindOf(world.refresh(again, wish))).to.equal('refused');
    expect(world.state()).to.equal(before);
  });

  it('cannot change the token: the VF stays with the one it was claimed for', async () => {
    const { world, wish, tokens } = await oneClient();
    const answer = await world.connect(wish);
    const before = world.state();
    const other = { ...wish, token: tokens[1] ?? wish.token };
    expect(await messageOf(world.request(changedWish(answer, other), other))).to.equal(
      `the connection holds 0000:01:10.0 for token ${wish.token}: a refresh cannot change it to ${other.token}`,
    );
    expect(world.state()).to.equal(before);
  });
});
