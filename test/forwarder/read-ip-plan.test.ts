import { expect } from 'chai';
import type { IPContext, PolicyRoute } from '../../apis/generated/connectioncontext.js';
import { IPContext as IpContextMessage } from '../../apis/generated/connectioncontext.js';
import { readIpPlan } from '../../src/forwarder/elements/read-ip-plan.js';
import { ForwarderError } from '../../src/ports/error.js';

function context(given: Partial<IPContext>): IPContext {
  return { ...IpContextMessage.fromPartial({}), ...given };
}

function policy(given: Partial<PolicyRoute>): PolicyRoute {
  return { from: '', proto: '', dstPort: '', srcPort: '', routes: [], ...given };
}

describe('readIpPlan', () => {
  it('K1: no IP context means no addresses, and no crash', () => {
    expect(readIpPlan(undefined)).to.deep.equal({ addresses: [], routes: [], neighbours: [], policies: [] });
  });

  const routes: readonly { title: string; given: Partial<IPContext>; routes: unknown }[] = [
    {
      title: 'a destination that no source prefix covers gets a host route on the link',
      given: { srcIpAddrs: ['172.16.1.101/32'], dstIpAddrs: ['172.16.1.100/32'] },
      routes: [{ destination: '172.16.1.100/32' }],
    },
    {
      title: 'a destination inside a source prefix needs no route',
      given: { srcIpAddrs: ['10.0.0.1/24'], dstIpAddrs: ['10.0.0.2/24'] },
      routes: [],
    },
    {
      title: 'a route without next hop goes through the first destination of its family',
      given: {
        srcIpAddrs: ['10.0.0.1/32', 'fd00::1/128'],
        dstIpAddrs: ['10.0.0.2/32', 'fd00::2/128'],
        srcRoutes: [
          { prefix: '192.168.0.0/16', nextHop: '' },
          { prefix: 'fd01::/64', nextHop: '' },
        ],
      },
      routes: [
        { destination: '10.0.0.2/32' },
        { destination: 'fd00::2/128' },
        { destination: '192.168.0.0/16', gateway: '10.0.0.2' },
        { destination: 'fd01::/64', gateway: 'fd00::2' },
      ],
    },
    {
      title: 'a route to the destination itself is on the link, once',
      given: {
        srcIpAddrs: ['172.16.1.101/32'],
        dstIpAddrs: ['172.16.1.100/32'],
        srcRoutes: [{ prefix: '172.16.1.100/32', nextHop: '' }],
      },
      routes: [{ destination: '172.16.1.100/32' }],
    },
    {
      title: 'a given next hop is kept',
      given: { srcRoutes: [{ prefix: '0.0.0.0/0', nextHop: '10.1.1.1' }] },
      routes: [{ destination: '0.0.0.0/0', gateway: '10.1.1.1' }],
    },
    {
      title: 'host bits of a destination are dropped',
      given: { srcRoutes: [{ prefix: '10.9.8.7/16', nextHop: '10.1.1.1' }] },
      routes: [{ destination: '10.9.0.0/16', gateway: '10.1.1.1' }],
    },
  ];
  for (const row of routes) {
    it(row.title, () => expect(readIpPlan(context(row.given)).routes).to.deep.equal(row.routes));
  }

  it('keeps host bits and order of addresses, each once', () => {
    const plan = readIpPlan(context({ srcIpAddrs: ['10.0.0.5/24', 'fd00:0::5/64', '10.0.0.5/24'] }));
    expect(plan.addresses).to.deep.equal(['10.0.0.5/24', 'fd00::5/64']);
  });

  it('reads neighbours into their normal form', () => {
    const plan = readIpPlan(context({ ipNeighbors: [{ ip: 'FD00::0:1', hardwareAddress: '02-00-00-00-00-0A' }] }));
    expect(plan.neighbours).to.deep.equal([{ ip: 'fd00::1', mac: '02:00:00:00:00:0a' }]);
  });

  it('reads a policy with all its selectors', () => {
    const given = policy({
      from: '10.0.0.1/32',
      proto: '6',
      dstPort: '80-90',
      srcPort: '1024',
      routes: [{ prefix: '0.0.0.0/0', nextHop: '10.0.0.2' }],
    });
    expect(readIpPlan(context({ policies: [given] })).policies).to.deep.equal([
      {
        family: 4,
        from: '10.0.0.1/32',
        protocol: 6,
        sourcePort: { first: 1024, last: 1024 },
        destinationPort: { first: 80, last: 90 },
        routes: [{ destination: '0.0.0.0/0', gateway: '10.0.0.2' }],
      },
    ]);
  });

  it('K5, B27: a policy without routes gets a default route of its own family', () => {
    const plan = readIpPlan(context({ policies: [policy({ from: 'fd00::1' })] }));
    expect(plan.policies).to.deep.equal([{ family: 6, from: 'fd00::1/128', routes: [{ destination: '::/0' }] }]);
  });

  it('K5: a policy that names no family gets both', () => {
    const plan = readIpPlan(context({ policies: [policy({ proto: '17' })] }));
    expect(plan.policies.map((it) => [it.family, it.routes[0]?.destination])).to.deep.equal([
      [4, '0.0.0.0/0'],
      [6, '::/0'],
    ]);
  });

  const refused: readonly { title: string; given: Partial<IPContext>; message: string }[] = [
    {
      title: 'an address without prefix length',
      given: { srcIpAddrs: ['10.0.0.1'] },
      message: 'IP context, src_ip_addrs: "10.0.0.1" is not an IP address with a prefix length (address/length)',
    },
    {
      title: 'a prefix length beyond its family',
      given: { dstIpAddrs: ['10.0.0.1/33'] },
      message: 'IP context, dst_ip_addrs: "10.0.0.1/33" is not an IPv4 prefix: its length must be 0 to 32',
    },
    {
      title: 'a route that is no prefix',
      given: { srcRoutes: [{ prefix: 'default', nextHop: '' }] },
      message: 'IP context, src_routes: "default" is not an IP address with a prefix length (address/length)',
    },
    {
      title: 'a next hop of the other family',
      given: { srcRoutes: [{ prefix: '10.0.0.0/8', nextHop: 'fd00::1' }] },
      message: 'IP context, src_routes: route to 10.0.0.0/8 cannot go through fd00::1: another IP version',
    },
    {
      title: 'a neighbour without a MAC',
      given: { ipNeighbors: [{ ip: '10.0.0.1', hardwareAddress: '' }] },
      message: 'IP context, ip_neighbors: "" is not a MAC address: expected six hexadecimal pairs (02:00:00:00:00:01)',
    },
    {
      title: 'a protocol by name',
      given: { policies: [policy({ proto: 'tcp' })] },
      message: 'IP context, policies: "tcp" is not a proto: expected a number from 0 to 255',
    },
    {
      title: 'a port range that runs backwards',
      given: { policies: [policy({ dstPort: '90-80' })] },
      message: 'IP context, policies: "90-80" is not a port range: expected N or N-M with N <= M',
    },
    {
      title: 'a policy with a route of the other family',
      given: { policies: [policy({ from: '10.0.0.1', routes: [{ prefix: '::/0', nextHop: '' }] })] },
      message: 'IP context, policies: a policy from 10.0.0.1/32 has a route of IP version 6',
    },
  ];
  for (const row of refused) {
    it(`refuses ${row.title}`, () => {
      expect(() => readIpPlan(context(row.given)))
        .to.throw(ForwarderError, row.message)
        .with.property('kind', 'invalid');
    });
  }
});
