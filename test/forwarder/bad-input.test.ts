import { expect } from 'chai';
import type { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import { toForwarderError } from '../../src/ports/error.js';
import { kindOf } from './kind-of.js';
import { effects, inNamespace, messageOf, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';
import { mechanism, tokenName, type Wish } from './simulated-forwarder.js';

const unknownToken = 'sriov-ffffffff-ffff-4fff-8fff-ffffffffffff' as Wish['token'];

interface Row {
  readonly title: string;
  readonly wish: (usual: Wish) => Wish;
  readonly kind: string;
  readonly message: string | RegExp;
}

const context = (ipContext: Parameters<typeof addresses>[2]): Partial<ConnectionContext> => ({
  ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', ipContext),
});
const parameters = (given: Record<string, string>) => (wish: Wish) => ({ ...wish, parameters: given });
const names = ['', '.', '..', 'sixteen-bytes-xx', 'a/b', 'a:b', 'a b', 'eth%d'];

const rows: readonly Row[] = [
  ...names.map((name) => ({
    title: `K4: an interface name ${JSON.stringify(name)}`,
    wish: (wish: Wish) => ({ ...wish, interfaceName: name }),
    kind: 'invalid',
    message: `interface name ${JSON.stringify(name)} `,
  })),
  {
    title: 'B16, F1: an inode URL of another kind',
    wish: parameters({ inodeURL: 'file:///proc/1/ns/net' }),
    kind: 'invalid',
    message:
      'inodeURL "file:///proc/1/ns/net" names no network namespace: expected inode://<device>/<inode> and its descriptor on the same connection',
  },
  {
    title: 'a descriptor that is no network namespace',
    wish: (wish) => ({ ...wish, namespace: '/sim/file/passwd', parameters: { inodeURL: 'inode://4/1' } }),
    kind: 'invalid',
    message: '/sim/file/passwd is not a network namespace',
  },
  {
    title: "the host's own namespace",
    wish: (wish) => ({ ...wish, namespace: '/proc/1/ns/net', parameters: { inodeURL: 'inode://4/4026531840' } }),
    kind: 'invalid',
    message: "the host's own network namespace",
  },
  {
    title: 'a descriptor of another namespace than the one announced',
    wish: parameters({ inodeURL: 'inode://4/42' }),
    kind: 'invalid',
    message: /^the descriptor sent for inode:\/\/4\/42 is namespace 4\/\d+$/,
  },
  {
    title: 'F1: a descriptor that is announced and never sent',
    wish: (wish) => ({ ...wish, sendsDescriptor: false }),
    kind: 'unknown',
    message: 'no descriptor came for inode://4/',
  },
  {
    title: 'no token',
    wish: parameters({ tokenID: '' }),
    kind: 'invalid',
    message: 'the mechanism has no tokenID: the client needs an SR-IOV token of its pod',
  },
  {
    title: 'a token of another form',
    wish: parameters({ tokenID: 'my-token' }),
    kind: 'invalid',
    message: '"my-token" is not an SR-IOV token id',
  },
  {
    title: 'a token that nobody knows',
    wish: (wish) => ({ ...wish, token: unknownToken }),
    kind: 'not-found',
    message: unknownToken,
  },
  {
    title: 'a VLAN that does not exist',
    wish: (wish) => ({ ...wish, context: { ethernetContext: { srcMac: '', dstMac: '', vlanTag: 4095 } } }),
    kind: 'invalid',
    message: 'ethernet context, vlan_tag: 4095 is not a VLAN: expected 0 (none) to 4094',
  },
  {
    title: 'a MAC that is none',
    wish: (wish) => ({ ...wish, context: { ethernetContext: { srcMac: 'x', dstMac: '', vlanTag: 0 } } }),
    kind: 'invalid',
    message: 'ethernet context, src_mac: "x" is not a MAC address: expected six hexadecimal pairs (02:00:00:00:00:01)',
  },
  {
    title: 'a MAC that no netdev can have',
    wish: (wish) => ({
      ...wish,
      context: { ethernetContext: { srcMac: 'ff:ff:ff:ff:ff:ff', dstMac: '', vlanTag: 0 } },
    }),
    kind: 'invalid',
    message: 'ethernet context, src_mac: ff:ff:ff:ff:ff:ff is not a unicast address',
  },
  {
    title: 'an MTU below what IPv4 needs',
    wish: (wish) => ({ ...wish, context: { MTU: 10 } }),
    kind: 'invalid',
    message: 'context, MTU: 10 is too small: expected 0 (unchanged) or at least 68',
  },
  {
    title: 'an address without prefix length',
    wish: (wish) => ({ ...wish, context: context({ srcIpAddrs: ['10.0.0.1'] }) }),
    kind: 'invalid',
    message: 'IP context, src_ip_addrs: "10.0.0.1" is not',
  },
  {
    title: 'a route that is none',
    wish: (wish) => ({ ...wish, context: context({ srcRoutes: [{ prefix: '10.0.0.300/8', nextHop: '' }] }) }),
    kind: 'invalid',
    message: 'IP context, src_routes: "10.0.0.300" is not',
  },
  {
    title: 'L8: a caller whose token says no end',
    wish: (wish) => ({ ...wish, life: 'none' }),
    kind: 'invalid',
    message: 'path segment "manager" says no expiry and the call carried no token',
  },
  {
    title: 'a caller whose token has ended',
    wish: (wish) => ({ ...wish, life: 0 }),
    kind: 'unauthenticated',
    message: 'the token of the previous path segment has expired',
  },
  {
    title: 'a mechanism that is not served',
    wish: (wish) => ({ ...wish, type: 'MEMIF' }),
    kind: 'unsupported',
    message:
      'this forwarder serves none of the requested mechanisms (MEMIF), only KERNEL, KERNEL_INTERFACE, VFIO, NOOP',
  },
];

describe('bad input from the client', () => {
  for (const { title, wish, kind, message } of rows) {
    it(`${title}: ${kind}, said clearly, and nothing is changed or asked of the next hop`, async () => {
      const { world, wish: usual, untouched } = await oneClient();
      const asked = wish(usual);
      const error = toForwarderError(await world.connect(asked).catch((thrown: unknown) => thrown));
      expect(error.kind).to.equal(kind);
      if (typeof message === 'string') expect(error.message).to.include(message);
      else expect(error.message).to.match(message);
      expect(world.endpoint.requests).to.deep.equal([]);
      expect(world.state()).to.equal(untouched);
      expect(world.clock.pending).to.equal(0);
    });
  }

  it('a Request without a connection, or without any mechanism', async () => {
    const { world, wish, untouched } = await oneClient();
    const empty = { connection: undefined, mechanismPreferences: [mechanism(wish)] };
    expect(await messageOf(world.request(empty, wish))).to.equal('the request has no connection');
    const none = { ...world.firstRequest('U1', wish), mechanismPreferences: [] };
    expect(await messageOf(world.request(none, wish))).to.equal(
      'the request names no mechanism: this forwarder serves KERNEL, KERNEL_INTERFACE, VFIO, NOOP',
    );
    expect(world.state()).to.equal(untouched);
  });

  it('B17: a name that is taken in the namespace, even eth0: the existing interface is left in peace', async () => {
    const { world, wish } = await oneClient();
    world.node.others.addLink('/sim/ns/client', 'eth0');
    world.node.others.changeLink('/sim/ns/client', 'eth0', { up: true });
    const before = world.state();
    expect(await messageOf(world.connect({ ...wish, interfaceName: 'eth0' }))).to.match(
      /^the client's namespace 4\/\d+ already has an interface named "eth0"$/,
    );
    expect(world.endpoint.requests).to.deep.equal([]);
    expect(world.state()).to.equal(before);
  });

  it('B17: a name that somebody takes while the netdev travels', async () => {
    const { world, wish } = await oneClient({
      turn: async (name) => {
        if (name.startsWith('links.move home')) world.node.others.addLink('/sim/ns/client', 'nsm-1');
      },
    });
    const error = toForwarderError(await world.connect(wish).catch((thrown: unknown) => thrown));
    expect(error.kind).to.equal('exists');
    expect(error.message).to.include('already has an interface named "nsm-1"');
    expect(inNamespace(world)).to.match(/^ {2}nsm-1 02:\S+ mtu 1500 down\n$/);
    expect(world.forwarder.quarantined()).to.deep.equal([]);
  });

  it('a name that is an alternative name of another interface there', async () => {
    const { world, wish } = await oneClient();
    world.node.others.addLink('/sim/ns/client', 'eth0');
    world.node.others.addAltName('/sim/ns/client', 'eth0', 'nsm-1');
    const before = world.state();
    expect(await kindOf(world.connect(wish))).to.equal('exists');
    expect(world.state()).to.equal(before);
  });

  it('an alternative name of the VF that is taken in the namespace', async () => {
    const { world, wish } = await oneClient();
    world.node.others.addLink('/sim/ns/client', 'enp1s0v0');
    world.node.others.addAltName('home', 'eth0', 'enp1s0v0');
    const before = world.state();
    expect(await kindOf(world.connect(wish))).to.equal('exists');
    expect(world.state()).to.equal(before);
  });

  it('S4: a token that kubelet has given to nobody', async () => {
    const { world, wish, tokens } = await oneClient();
    world.pool.free(tokens);
    const before = world.state();
    expect(await kindOf(world.connect(wish))).to.equal('refused');
    expect(world.state()).to.equal(before);
  });

  it('a token that is closed because its VF is used under another name', async () => {
    const names = [tokenName, 'worker.domain/1G'];
    const { world, wish } = await oneClient({ pf: { vfs: 1 }, tokenNames: names });
    const [other] = world.pool.tokens('worker.domain/1G').map((it) => it.id);
    world.pool.allocate(other === undefined ? [] : [other]);
    await world.connect(wish);
    const before = world.state();
    expect(await kindOf(world.connect({ token: other ?? wish.token, interfaceName: 'nsm-2' }, 'U2'))).to.equal(
      'refused',
    );
    expect(world.state()).to.equal(before);
  });

  it('a token whose VF another connection has', async () => {
    const { world, wish } = await oneClient();
    await world.connect(wish);
    const before = world.state();
    const second = { ...wish, interfaceName: 'nsm-2' };
    expect(await messageOf(world.connect(second, 'U2'))).to.equal(
      `token ${wish.token} has VF 0000:01:10.0 in use by another connection`,
    );
    expect(world.state()).to.equal(before);
  });
});

describe('bad input from the endpoint', () => {
  const answers: readonly [title: string, context: Partial<ConnectionContext>, message: string][] = [
    ['an address that is none', context({ srcIpAddrs: ['x'] }), 'IP context, src_ip_addrs: "x" is not'],
    ['a route that is none', context({ srcRoutes: [{ prefix: 'x', nextHop: '' }] }), 'IP context, src_routes: "x"'],
    [
      'a neighbour without a MAC',
      context({ ipNeighbors: [{ ip: '10.0.0.2', hardwareAddress: '' }] }),
      'IP context, ip_neighbors: "" is not a MAC address',
    ],
    [
      'a MAC that is none',
      { ethernetContext: { srcMac: '02:', dstMac: '', vlanTag: 0 } },
      'src_mac: "02:" is not a MAC address',
    ],
    [
      'a VLAN that does not exist',
      { ethernetContext: { srcMac: '', dstMac: '', vlanTag: 4095 } },
      'ethernet context, vlan_tag: 4095 is not a VLAN',
    ],
    ['an MTU below what IPv4 needs', { MTU: 10 }, 'context, MTU: 10 is too small'],
    ['an MTU beyond what the driver takes', { MTU: 9999 }, 'MTU 9999'],
  ];
  for (const [title, answer, message] of answers) {
    it(`B1, L1: ${title}: the endpoint is closed again, the VF is free and at home`, async () => {
      const { world, wish, untouched } = await oneClient();
      world.endpoint.context = answer;
      expect(await messageOf(world.connect(wish))).to.include(message);
      expect(world.endpoint.closes).to.have.lengthOf(1);
      expect(world.state()).to.equal(untouched);
      expect(world.clock.pending).to.equal(0);
    });

    it(`${title}, on a refresh: the connection stays as it was`, async () => {
      const { world, wish } = await oneClient();
      const established = await world.connect(wish);
      const before = world.state();
      world.node.faults.restart();
      world.endpoint.context = answer;
      expect(await messageOf(world.refresh(established, wish))).to.include(message);
      expect(world.endpoint.closes).to.deep.equal([]);
      expect(effects(world).filter((call) => /move/.test(call))).to.deep.equal([]);
      expect(world.state()).to.equal(before);
    });
  }
});
