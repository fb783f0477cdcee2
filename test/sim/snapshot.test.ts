import { expect } from 'chai';
import fc from 'fast-check';
import { parseMac } from '../../src/ports/ip.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { linkOf, moveByName, never } from './expectations.js';
import { SimNode } from './node.js';

const address = '0000:01:00.0';

describe('the snapshot of a simulated node', () => {
  it('tells everything, in order', async () => {
    const node = new SimNode({ pfs: [{ address, name: 'pf0', vfs: 2 }] });
    node.addNamespace('/sim/ns/a');
    node.others.addLink('/sim/ns/a', 'eth0');
    node.others.addAltName('home', 'eth0', 'second');
    const { home } = node.namespaces;
    using client = node.namespaces.open('/sim/ns/a');
    const { index } = await moveByName(home, client, ['eth0', 'nsm-1']);
    const mac = parseMac('02:00:00:00:00:01');
    await home.links.changeVf((await linkOf(home, 'pf0')).index, 0, { mac, vlan: 100 }, never);
    await client.links.change(index, { up: true, mtu: 1400 }, never);
    await client.addressing.add(
      [
        { kind: 'route', index, destination: '0.0.0.0/0', gateway: '10.0.0.2', table: 5 },
        { kind: 'neighbour', index, ip: '10.0.0.2', mac },
        { kind: 'address', index, cidr: '10.0.0.1/24' },
        { kind: 'rule', family: 4, priority: 7, table: 5, from: '10.0.0.0/24', sourcePort: { first: 1, last: 9 } },
      ],
      never,
    );
    client.addressing.writeSetting('ipv4/ping_group_range', '0 2147483647');
    client.addressing.writeSetting('ipv4/conf/nsm-1/route_localnet', '1');
    await node.bus.bind(parsePciAddress('0000:01:10.2'), 'vfio-pci', never);
    expect(node.snapshot()).to.equal(`PF 0000:01:00.0 igb in group 1, 2 of 8 VFs
  VF 0 0000:01:10.0 igbvf in group 2, mac=02:00:00:00:00:01, vlan=100
  VF 1 0000:01:10.2 vfio-pci in group 3
namespace home
  pf0 of 0000:01:00.0 02:5a:11:9e:37:79 mtu 1500 up
namespace /sim/ns/a
  eth0 02:5a:11:78:dd:e6 mtu 1500 down
  nsm-1 of 0000:01:10.0 02:00:00:00:00:01 mtu 1400 up, also second
    address 10.0.0.1/24
    neighbour 10.0.0.2 at 02:00:00:00:00:01
    route 0.0.0.0/0 via 10.0.0.2 table 5
    ipv4/route_localnet = 1
  rule 7 of IPv4 from 10.0.0.0/24 source port 1-9 table 5
  ipv4/ping_group_range = 0 2147483647
`);
  });

  it('is the same when a VF comes home under another index', async () => {
    const node = new SimNode({ pfs: [{ address, vfs: 1, name: 'pf0' }] });
    node.addNamespace('/sim/ns/a');
    for (let n = 0; n < 5; n += 1) node.others.addLink('/sim/ns/a', `veth${n}`);
    const before = node.snapshot();
    const { index } = await linkOf(node.namespaces.home, 'eth0');
    using client = node.namespaces.open('/sim/ns/a');
    await moveByName(node.namespaces.home, client, ['eth0', 'nsm-1']);
    const back = await moveByName(client, node.namespaces.home, ['nsm-1', 'eth0']);
    expect(back.index).not.to.equal(index);
    expect(node.snapshot()).to.equal(before);
  });

  it('shows each VF netdev exactly once, whatever happens to it', async () => {
    const paths = ['/sim/ns/a', '/sim/ns/b'] as const;
    const step = fc.record({
      vf: fc.integer({ min: 0, max: 2 }),
      act: fc.constantFrom('a', 'b', 'home', 'vfio-pci', 'igbvf', 'kill a', 'kill b'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const node = new SimNode({ pfs: [{ address, vfs: 3 }] });
        for (const path of paths) node.addNamespace(path);
        for (const { vf, act } of steps) await take(node, { vf, act });
        await node.settled();
        await expectEachVfOnce(node);
        expect(node.openHandles()).to.equal(0);
      }),
      { numRuns: 200 },
    );
  });
});

async function expectEachVfOnce(node: SimNode): Promise<void> {
  for (const vf of await node.bus.virtualFunctions(parsePciAddress(address))) {
    const kernelDriver = (await node.bus.facts(vf)).driver === 'igbvf';
    expect(node.snapshot().split(` of ${vf} `)).to.have.length(kernelDriver ? 2 : 1);
  }
}

/** Moves the VF from wherever it is, binds it, or ends a namespace and makes another one in its place. */
async function take(node: SimNode, { vf, act }: { vf: number; act: string }): Promise<void> {
  const function_ = parsePciAddress(`0000:01:10.${2 * vf}`);
  if (act === 'vfio-pci' || act === 'igbvf') return node.bus.bind(function_, act, never);
  if (act.startsWith('kill')) {
    const path = `/sim/ns/${act.at(-1)}`;
    node.killNamespace(path);
    await node.settled();
    node.addNamespace(path);
    return;
  }
  using a = node.namespaces.open('/sim/ns/a');
  using b = node.namespaces.open('/sim/ns/b');
  const places = { a, b, home: node.namespaces.home };
  for (const from of Object.values(places)) {
    const link = await from.links.find({ parent: function_ }, never);
    const to = places[act as keyof typeof places];
    if (link !== undefined) await from.links.move(link.index, to, `nsm-${vf}`, never);
    if (link !== undefined) return;
  }
}
