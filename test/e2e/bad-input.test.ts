import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { ConnectionContext, IPContext } from '../../apis/generated/connectioncontext.js';
import type { SimulatedClient, Wish } from '../../simulation/client.js';
import { emptyContext, emptyIpContext, newConnection } from '../../simulation/messages.js';
import { toForwarderError } from '../../src/ports/error.js';
import { expectServed, refusal, stateOf, withoutTrace } from './support/expectations.js';
import { inTime, unusedResource, useNode } from './support/node-fixture.js';

const ip = (change: Partial<IPContext>): ConnectionContext => ({
  ...emptyContext,
  ipContext: { ...emptyIpContext, ...change },
});
const ethernet = (change: Partial<{ srcMac: string; vlanTag: number }>): ConnectionContext => ({
  ...emptyContext,
  ethernetContext: { srcMac: '', dstMac: '', vlanTag: 0, ...change },
});

/** What is wrong, in what context, and what the message names. */
const brokenContexts: readonly [string, ConnectionContext, RegExp][] = [
  ['an address that is none', ip({ srcIpAddrs: ['300.1.1.1/24'] }), /src_ip_addrs.*"300\.1\.1\.1"/],
  ['an address without prefix length', ip({ srcIpAddrs: ['10.0.0.1'] }), /src_ip_addrs.*"10\.0\.0\.1".*prefix length/],
  ['an IPv6 prefix of 129 bits', ip({ dstIpAddrs: ['fd00::1/129'] }), /dst_ip_addrs.*"fd00::1\/129".*0 to 128/],
  ['a route to nowhere', ip({ srcRoutes: [{ prefix: 'there', nextHop: '' }] }), /src_routes.*"there"/],
  [
    'a route through the other IP version',
    ip({ srcRoutes: [{ prefix: '10.0.0.0/8', nextHop: 'fd00::1' }] }),
    /src_routes.*10\.0\.0\.0\/8.*fd00::1/,
  ],
  [
    'a neighbour without MAC',
    ip({ ipNeighbors: [{ ip: '10.0.0.1', hardwareAddress: 'none' }] }),
    /ip_neighbors.*"none".*MAC/,
  ],
  [
    'a policy with ports in the wrong order',
    ip({ policies: [{ from: '', proto: '6', srcPort: '', dstPort: '9-1', routes: [] }] }),
    /policies.*"9-1"/,
  ],
  ['a MAC that is none', ethernet({ srcMac: '02:00:00:00:00' }), /"02:00:00:00:00".*MAC/],
  ['a multicast MAC', ethernet({ srcMac: '01:00:5e:00:00:01' }), /src_mac.*01:00:5e:00:00:01.*unicast/],
  ['a VLAN out of range', ethernet({ vlanTag: 4095 }), /vlan_tag.*4095.*4094/],
  ['an MTU that no IP packet fits in', { ...emptyContext, MTU: 67 }, /MTU.*67.*68/],
];

/** What is wrong, the wish, the gRPC status, and what the message names. */
type Row = readonly [string, Wish, string, RegExp];

const brokenNames: readonly Row[] = (
  [
    ['longer than 15 bytes', 'a234567890123456', /"a234567890123456".*16 bytes.*15/],
    ['longer than 15 bytes in fewer characters', 'ääääääää', /16 bytes.*15/],
    ['with a slash', 'a/b', /"a\/b".*slash/],
    ['with a colon', 'a:b', /"a:b".*colon/],
    ['with a blank', 'a b', /"a b".*white space/],
    ['with a tab', 'a\tb', /"a\\tb".*white space/],
    ['"."', '.', /"\.".*reserved/],
    ['".."', '..', /"\.\.".*reserved/],
    ['that is empty', '', /"" is empty/],
  ] as const
).map(([what, interfaceName, message]) => [
  `K4: an interface name ${what}`,
  { interfaceName },
  'INVALID_ARGUMENT',
  message,
]);

const brokenDescriptors: readonly Row[] = [
  ['B16: a descriptor of a device', { descriptor: '/dev/null' }, 'INVALID_ARGUMENT', /not a namespace file/],
  ['B16: a descriptor of a folder', { descriptor: '/tmp' }, 'INVALID_ARGUMENT', /not a namespace file/],
  [
    'B16: a descriptor of another kind of namespace',
    { descriptor: '/proc/self/ns/mnt' },
    'INVALID_ARGUMENT',
    /not a network namespace/,
  ],
  [
    'F1: a namespace that is named and never sent, long before its deadline',
    { descriptor: false, timeoutMs: 60_000 },
    'FAILED_PRECONDITION',
    /inode:\/\/\d+\/\d+ and sent no such descriptor.*WARN/,
  ],
  [
    'B16: a namespace by another URL',
    { parameters: { inodeURL: 'file:///proc/1/ns/net' } },
    'INVALID_ARGUMENT',
    /"file:\/\/\/proc\/1\/ns\/net".*inode:\/\//,
  ],
  ['no namespace at all', { parameters: { inodeURL: '' } }, 'INVALID_ARGUMENT', /inodeURL ""/],
];

const brokenTokens: readonly Row[] = [
  ['a token that is none', { token: 'sriov-1' }, 'INVALID_ARGUMENT', /sriov-1/],
  ['no token', { token: '' }, 'INVALID_ARGUMENT', /tokenID/],
];

const unservable: readonly Row[] = [
  ['a mechanism that nobody serves', { type: 'MEMIF' }, 'UNIMPLEMENTED', /MEMIF.*KERNEL/],
];

describe('bad input', () => {
  const fixture = useNode();

  afterEach(() => {
    fixture.node.endpoint.behaviour = { kind: 'agree' };
  });

  let client: SimulatedClient;
  let unchanged: Awaited<ReturnType<typeof stateOf>>;

  before(async () => {
    client = await fixture.client();
    unchanged = await stateOf(fixture.node, client);
  });

  /** The request is refused with status and message, changes nothing, and the next proper one is served. */
  async function expectRefused([, wish, status, message]: Row): Promise<void> {
    const said = await refusal(status, client.request({ token: fixture.token(), ...wish }));
    expect(said).to.match(message);
    expect(await stateOf(fixture.node, client)).to.deep.equal(unchanged);
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await expectServed(client, fixture.token());
  }

  describe('of the client is refused by status and message, and changes nothing', () => {
    for (const row of [...brokenNames, ...brokenDescriptors, ...brokenTokens, ...unservable]) {
      it(row[0], () => expectRefused(row));
    }
    for (const [what, context, message] of brokenContexts) {
      it(what, () => expectRefused([what, { context }, 'INVALID_ARGUMENT', message]));
    }

    it("the host's own network namespace", async () => {
      const descriptor = `/proc/self/fd/${fixture.node.hardware.home.fd}`;
      await expectRefused(['', { descriptor }, 'INVALID_ARGUMENT', /host's own network namespace/]);
    });

    it('an unknown token', async () => {
      const token = `sriov-${randomUUID()}`;
      await expectRefused(['', { token }, 'NOT_FOUND', new RegExp(`${token}.*not one of this node`)]);
    });

    it('S4: a free token: knowing its id is not enough, it was never allocated', async () => {
      const [device] = fixture.node.kubelet.resource(unusedResource)?.devices ?? [];
      const token = device?.ID ?? '';
      await expectRefused(['', { token }, 'FAILED_PRECONDITION', new RegExp(`${token}.*never allocated`)]);
    });

    it('a closed token: its VF is in use under its other name', async () => {
      using user = await fixture.client();
      await user.request({ token: fixture.token(0) });
      using client = await fixture.client();
      const attempts = fixture.tokens.map(({ intel: token }) => token);
      const refused: string[] = [];
      await withoutTrace(fixture.node, [client, user], async () => {
        for (const token of attempts) {
          const said = await client.request({ token, interfaceName: 'other' }).then(
            () => client.close().then(() => undefined),
            (thrown: unknown) => {
              const { details, message } = toForwarderError(thrown);
              return `${details['grpcCode']}: ${message}`;
            },
          );
          if (said !== undefined) refused.push(said);
        }
      });
      expect(refused).to.have.lengthOf(1);
      expect(refused[0]).to.match(/^FAILED_PRECONDITION: token sriov-.* is closed: VF .* is in use/);
      await user.close();
    });

    it('a token that another connection uses', async () => {
      using user = await fixture.client();
      await user.request({ token: fixture.token() });
      using client = await fixture.client();
      await withoutTrace(fixture.node, [client, user], async () => {
        await refusal('ABORTED', client.request({ token: fixture.token() }));
      });
      await user.close();
      await expectServed(client, fixture.token());
    });

    it('a MAC that the PF cannot set', async () => {
      const context = ethernet({ srcMac: '02:00:00:00:00:01' });
      await expectRefused(['', { context }, 'UNIMPLEMENTED', /^link enp1s0 is not a physical function/]);
    });

    it('an MTU that the netdev refuses', async () => {
      await expectRefused(['', { context: { ...emptyContext, MTU: 70_000 } }, 'INVALID_ARGUMENT', /70000|MTU/i]);
    });
  });

  describe('of the client that would cost it an interface', () => {
    it("B17, K4: a name that exists leaves the client's eth0 alone", async () => {
      using client = await fixture.client();
      await fixture.node.plugIn(client, { name: 'eth0', address: '192.0.2.7/24' }, inTime());
      await withoutTrace(fixture.node, [client], async () => {
        const said = await refusal('ALREADY_EXISTS', client.request({ token: fixture.token(), interfaceName: 'eth0' }));
        expect(said).to.match(/already has an interface named "eth0"/);
      });
      await expectServed(client, fixture.token());
    });

    it('B17b, B18: a name that is taken while the request is under way, neither', async () => {
      using client = await fixture.client();
      const eth0 = { name: 'eth0', address: '192.0.2.7/24' };
      fixture.node.endpoint.behaviour = {
        kind: 'agree',
        meanwhile: () => fixture.node.plugIn(client, eth0, inTime()),
      };
      await refusal('ALREADY_EXISTS', client.request({ token: fixture.token(), interfaceName: 'eth0' }));
      fixture.node.endpoint.behaviour = { kind: 'agree' };
      const { links } = await client.look(inTime());
      expect(links.find(({ name }) => name === 'eth0')).to.deep.include({ up: true, addresses: ['192.0.2.7/24'] });
      expect(links.map(({ name }) => name)).to.deep.equal(['eth0', 'lo']);
      await expectServed(client, fixture.token());
    });
  });

  describe('of the endpoint is refused likewise: everything is undone, there as well', () => {
    for (const [what, context, message] of brokenContexts) {
      it(what, async () => {
        fixture.node.endpoint.behaviour = { kind: 'agree', context: () => context };
        await expectRefused([what, {}, 'INVALID_ARGUMENT', message]);
      });
    }
  });

  it('a Close for an unknown connection is no error, and nothing is done', async () => {
    using client = await fixture.client();
    const { strayCloses } = fixture.node.endpoint;
    await withoutTrace(fixture.node, [client], async () => {
      await client.close({ connection: newConnection('never-seen', 'client', fixture.node.networkService) });
      await client.close();
    });
    expect(fixture.node.endpoint.strayCloses).to.equal(strayCloses);
  });
});
