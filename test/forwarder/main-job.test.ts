import { expect } from 'chai';
import { type Connection, State } from '../../apis/generated/connection.js';
import { igb, plainDriver } from '../sim/driver-quirks.js';
import { effects, inNamespace, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';

function ownSegment(answer: Connection) {
  return answer.path?.pathSegments[2];
}

describe('the main job: a VF for a client', () => {
  it('brings name, MAC, MTU, addresses, routes, neighbours and rules of both IP versions', async () => {
    const { world, wish } = await oneClient({ pf: { quirks: igb } });
    world.endpoint.context = {
      MTU: 1400,
      ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 },
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', {
        srcIpAddrs: ['10.0.0.1/32', 'fd00::1/128'],
        dstIpAddrs: ['10.0.0.2/32', 'fd00::2/128'],
        srcRoutes: [
          { prefix: '192.168.0.0/16', nextHop: '' },
          { prefix: 'fd01::/64', nextHop: 'fd00::2' },
        ],
        ipNeighbors: [{ ip: '10.0.0.2', hardwareAddress: '02:00:00:00:00:99' }],
        policies: [{ from: '10.0.0.1/32', proto: '6', dstPort: '80', srcPort: '', routes: [] }],
      }),
    };
    await world.connect(wish);
    expect(inNamespace(world)).to.equal(`  nsm-1 of 0000:01:10.0 02:00:00:00:00:01 mtu 1400 up
    address 10.0.0.1/32
    address fd00::1/128
    neighbour 10.0.0.2 at 02:00:00:00:00:99
    route 0.0.0.0/0 table 1
    route 10.0.0.2/32
    route 192.168.0.0/16 via 10.0.0.2
    route fd00::2/128
    route fd01::/64 via fd00::2
    ipv4/arp_notify = 1
    ipv6/ndisc_notify = 1
  rule 20001 of IPv4 from 10.0.0.1/32 protocol 6 destination port 80-80 table 1
  ipv4/ping_group_range = 0 2147483647
`);
    expect(world.node.snapshot()).to.include('VF 0 0000:01:10.0 igbvf in group 2, mac=02:00:00:00:00:01, vlan=100');
  });

  it('B20: works the same for VFs that do not tell the function behind them', async () => {
    const { world, wish, untouched } = await oneClient({ simulatedVfs: true });
    const answer = await world.connect(wish);
    expect(inNamespace(world)).to.match(/^ {2}nsm-1 of 0000:01:10\.0 .* up\n {4}address 10\.0\.0\.1\/32\n/);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  for (const type of ['KERNEL', 'KERNEL_INTERFACE']) {
    it(`answers ${type} with what the caller sent, the VF's address, and our segment of the path`, async () => {
      const { world, wish } = await oneClient();
      const { connection } = world.firstRequest('U1', { ...wish, type });
      const answer = await world.connect({ ...wish, type });
      expect(answer.id).to.equal('U1');
      expect(answer.path?.index).to.equal(1);
      expect(answer.state).to.equal(State.UP);
      expect(answer.networkServiceEndpointName).to.equal('endpoint');
      expect(answer.mechanism).to.deep.include({ cls: 'LOCAL', type });
      expect(answer.mechanism?.parameters).to.deep.equal({
        name: 'nsm-1',
        inodeURL: answer.mechanism?.parameters['inodeURL'],
        tokenID: wish.token,
        pciAddress: '0000:01:10.0',
      });
      expect(answer.mechanism?.parameters['inodeURL']).to.match(/^inode:\/\/4\/\d+$/);
      expect(answer.path?.pathSegments[0]).to.deep.equal(connection?.path?.pathSegments[0]);
      expect(answer.path?.pathSegments[1]).to.deep.include({ name: 'manager', token: 'token of the manager' });
      expect(ownSegment(answer)).to.deep.include({
        name: 'forwarder',
        id: 'connection-1',
        token: 'token for spiffe://test/manager',
        metrics: { server_interface: `${type}/nsm-1` },
      });
      expect(ownSegment(answer)?.expires).to.exist;
    });
  }

  it('asks the next hop over NOOP, with its name and our own id, and says nothing of the client', async () => {
    const { world, wish } = await oneClient();
    await world.connect(wish);
    const [asked] = world.endpoint.requests;
    expect(asked?.connection).to.deep.include({ id: 'connection-1', networkServiceEndpointName: 'endpoint' });
    expect(asked?.connection.path?.index).to.equal(2);
    expect(asked?.connection.mechanism).to.equal(undefined);
  });

  it('B25: Close takes everything back', async () => {
    const { world, wish, untouched } = await oneClient({ pf: { quirks: igb } });
    world.endpoint.context = {
      MTU: 1400,
      ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 },
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32'),
    };
    const answer = await world.connect(wish);
    expect(world.state()).not.to.equal(untouched);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
  });

  it('a second Close, and a Close for a connection nobody knows, are done already', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    await world.close(answer, wish);
    world.node.faults.restart();
    await world.close(answer, wish);
    await world.close({ ...answer, id: 'U7', path: { index: 0, pathSegments: [] } }, wish);
    expect(world.node.faults.calls).to.deep.equal([]);
    expect(world.state()).to.equal(untouched);
  });

  it('B26: sets the MTU before the addresses, B24: and what goes through the PF before the move', async () => {
    const { world, wish } = await oneClient({ pf: { quirks: plainDriver, driver: 'ice', vfDriver: 'iavf' } });
    world.endpoint.context = {
      MTU: 1400,
      ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 7 },
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32'),
    };
    await world.connect(wish);
    const [descriptor, ...rest] = effects(world);
    expect(descriptor).to.match(/^caller\.receive inode:/);
    expect(rest).to.deep.equal([
      'namespaces.open /sim/ns/client',
      'nextHops.request unix:///run/endpoint.sock',
      'links.changeVf home #2 pf0 vf 0 {"mac":"02:00:00:00:00:01","vlan":7}',
      'links.change home #3 eth0 {"mac":"02:00:00:00:00:01","mtu":1400}',
      'links.move home #3 eth0 to /sim/ns/client as vf000001100',
      'addressing.writeSetting /sim/ns/client ipv4/conf/vf000001100/arp_notify 1',
      'addressing.writeSetting /sim/ns/client ipv6/conf/vf000001100/ndisc_notify 1',
      'links.change /sim/ns/client #3 vf000001100 {"name":"nsm-1"}',
      'addressing.add /sim/ns/client address 10.0.0.1/32 on #3',
      'links.change /sim/ns/client #3 nsm-1 {"up":true}',
      'addressing.add /sim/ns/client route 10.0.0.2/32 on #3',
      'addressing.writeSetting /sim/ns/client ipv4/ping_group_range 0 2147483647',
    ]);
  });

  it('a client that wants a VLAN trunk gets a netdev without addresses', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect({ ...wish, parameters: { vlan: '100' } });
    expect(inNamespace(world)).to.match(/^ {2}nsm-1 of .* up\n {4}ipv4\/arp_notify = 1\n {4}ipv6\/ndisc_notify = 1\n$/);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('NOOP needs no VF and touches nothing but the next hop', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect({ ...wish, type: 'NOOP' });
    expect(answer.mechanism?.type).to.equal('NOOP');
    expect(effects(world)).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('K1: an answer without any context is no crash: the netdev comes without addresses', async () => {
    const { world, wish } = await oneClient();
    world.endpoint.context = { ipContext: undefined };
    await world.connect(wish);
    expect(inNamespace(world)).to.include('nsm-1 of 0000:01:10.0').and.not.include('address');
  });
});
