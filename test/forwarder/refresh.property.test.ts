import { expect } from 'chai';
import fc from 'fast-check';
import type { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import { kindOf } from './kind-of.js';
import { inNamespace, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';

/** Never without IPv4: with the last address of that version the kernel takes its routes, also those that were first. */
const hosts = fc
  .tuple(fc.subarray(['10.0.0.1/32', '10.0.0.5/24'], { minLength: 1 }), fc.subarray(['fd00::1/128', 'fd00::5/64']))
  .map(([ipv4, ipv6]) => [...ipv4, ...ipv6]);
const far = ['10.0.0.2/32', '10.0.1.2/32', 'fd00::2/128'];

const context: fc.Arbitrary<Partial<ConnectionContext>> = fc
  .record({
    mtu: fc.constantFrom(1000, 1280, 1500),
    srcIpAddrs: hosts,
    dstIpAddrs: fc.subarray(far),
    srcRoutes: fc.subarray([
      { prefix: '192.168.0.0/16', nextHop: '' },
      { prefix: '172.16.0.0/12', nextHop: '10.0.0.2' },
      { prefix: 'fd01::/64', nextHop: '' },
    ]),
    neighbour: fc.constantFrom(undefined, '02:00:00:00:00:01', '02:00:00:00:00:02'),
    policy: fc.constantFrom(undefined, '80', '443'),
    vlanTag: fc.constantFrom(0, 0, 0, 7),
  })
  .map(({ mtu, neighbour, policy, vlanTag, ...ip }) => ({
    MTU: mtu,
    ethernetContext: { srcMac: '', dstMac: '', vlanTag },
    ipContext: addresses('', '', {
      ...ip,
      ipNeighbors: neighbour === undefined ? [] : [{ ip: '10.0.0.2', hardwareAddress: neighbour }],
      policies: policy === undefined ? [] : [{ from: '', proto: '6', srcPort: '', dstPort: policy, routes: [] }],
    }),
  }));

/** What the client sees; tables are numbered as they come, and the kernel forgets IPv6 settings with IPv6. */
function seen(section: string): string {
  return section
    .replace(/ table \d+/g, ' table N')
    .replace(/rule \d+/g, 'rule N')
    .replace(/^ +ipv6\/ndisc_notify = 1\n/m, '');
}

/** What a client gets that asks for the first time. */
async function fresh(given: Partial<ConnectionContext>): Promise<string | undefined> {
  const { world, wish } = await oneClient();
  world.endpoint.context = given;
  return (await kindOf(world.connect(wish))) === 'ok' ? seen(inNamespace(world)) : undefined;
}

describe('any refresh', () => {
  it('B27, K3: leads to what a first Request would have brought, or changes nothing; and all of it goes home', async () => {
    await fc.assert(
      fc.asyncProperty(context, context, async (first, later) => {
        const { world, wish, untouched } = await oneClient();
        world.endpoint.context = first;
        const before = await fresh(first);
        fc.pre(before !== undefined);
        const answer = await world.connect(wish);
        world.endpoint.context = later;
        const outcome = await kindOf(world.refresh(answer, wish));
        const wanted = await fresh(later);
        expect(outcome === 'ok').to.equal(wanted !== undefined);
        const lost = world.forwarder.connections.established().length === 0;
        if (outcome === 'ok') expect(seen(inNamespace(world))).to.equal(wanted);
        else if (lost) expect(first.ethernetContext).not.to.deep.equal(later.ethernetContext);
        else expect(seen(inNamespace(world))).to.equal(before);
        await world.close(answer, wish);
        expect(world.state()).to.equal(untouched);
      }),
      { numRuns: 60 },
    );
  });
});
