import { expect } from 'chai';
import { type ConnectionEvent, ConnectionEventType, State } from '../../apis/generated/connection.js';
import type { IPContext } from '../../apis/generated/connectioncontext.js';
import { emptyContext } from '../../simulation/messages.js';
import { isInstalled, ping } from '../../simulation/ping.js';
import { skipBecause } from '../skip-because.js';
import { expectServed, linkOf, stateOf, withoutTrace } from './support/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

const toIp = (change: (usual: IPContext) => Partial<IPContext>) => ({
  kind: 'agree' as const,
  context: (usual: typeof emptyContext) => {
    const ipContext = usual.ipContext ?? ({} as IPContext);
    return { ...usual, ipContext: { ...ipContext, ...change(ipContext) } };
  },
});

describe('the main job, on a simulated node', () => {
  const fixture = useNode();

  afterEach(() => {
    fixture.node.endpoint.behaviour = { kind: 'agree' };
  });

  it('brings a VF into the client with name, MAC, MTU, addresses and routes, and takes it home as it was', async () => {
    const { node } = fixture;
    using client = await fixture.client();
    await withoutTrace(node, [client], async () => {
      const context = { ...emptyContext, MTU: 1400 };
      const answer = await client.request({ token: fixture.token(), interfaceName: 'nsm-1', context });
      const address = answer.mechanism?.parameters['pciAddress'] ?? '';
      const { mac } = node.hardware.port(address);
      expect(await node.hardware.atHome(address)).to.equal(undefined);
      expect(answer.path?.pathSegments.map(({ name }) => name)).to.deep.equal([
        client.connection?.path?.pathSegments[0]?.name,
        node.daemonName,
        node.endpoint.name,
      ]);
      const seen = await client.look(inTime());
      expect(seen.links.find(({ name }) => name === 'nsm-1')).to.deep.equal({
        name: 'nsm-1',
        altNames: [],
        mac,
        mtu: 1400,
        up: true,
        addresses: ['172.16.0.1/32', 'fd00:16::2/128'],
      });
      expect(seen.routes).to.deep.equal(['172.16.0.0 dev nsm-1', 'fd00:16::1 dev nsm-1']);
      await client.close();
    });
  });

  it('lets the client reach the other end of the wire over both IP versions', async function () {
    if (!isInstalled('ping')) skipBecause(this, 'needs ping (Debian package iputils-ping)');
    using client = await fixture.client();
    const answer = await client.request({ token: fixture.token() });
    const { srcIpAddrs: peers = [], dstIpAddrs: own = [] } = answer.context?.ipContext ?? {};
    const vf = answer.mechanism?.parameters['pciAddress'] ?? '';
    await fixture.node.hardware.connectFarEnd(vf, { own, peers }, inTime());
    for (const address of own) await ping(client.namespace, address.split('/')[0] ?? '', inTime());
    await client.close();
  });

  it('serves clients that call KERNEL by its former name, and answers with theirs', async () => {
    using client = await fixture.client();
    const answer = await client.request({ token: fixture.token(), type: 'KERNEL_INTERFACE' });
    expect(answer.mechanism?.type).to.equal('KERNEL_INTERFACE');
    expect((await linkOf(client, 'nsm-1')).up).to.equal(true);
    await client.close();
  });

  it('answers a refresh without touching the netdev when nothing is new', async () => {
    using client = await fixture.client();
    const first = await client.request({ token: fixture.token() });
    const before = await stateOf(fixture.node, client);
    const second = await client.request();
    expect(second.id).to.equal(first.id);
    expect(second.path?.pathSegments[1]?.id).to.equal(first.path?.pathSegments[1]?.id);
    expect(second.mechanism?.parameters).to.deep.equal(first.mechanism?.parameters);
    expect(await stateOf(fixture.node, client)).to.deep.equal(before);
    await client.close();
  });

  it('brings addresses, routes and MTU to the answer of a refresh by their difference', async () => {
    using client = await fixture.client();
    await client.request({ token: fixture.token() });
    fixture.node.endpoint.behaviour = toIp(({ srcIpAddrs }) => ({
      srcIpAddrs: [srcIpAddrs[0] ?? '', '10.9.0.1/24'],
      dstIpAddrs: [],
      srcRoutes: [{ prefix: '10.10.0.0/16', nextHop: '10.9.0.254' }],
    }));
    await client.request();
    expect((await linkOf(client, 'nsm-1')).addresses).to.deep.equal(['10.9.0.1/24', '172.16.0.1/32']);
    expect((await client.look(inTime())).routes).to.deep.equal(['10.10.0.0/16 via 10.9.0.254 dev nsm-1']);
    await client.close();
  });

  it('K1: serves an answer that has no IP context at all', async () => {
    using client = await fixture.client();
    fixture.node.endpoint.behaviour = { kind: 'agree', context: (usual) => ({ ...usual, ipContext: undefined }) };
    await withoutTrace(fixture.node, [client], async () => {
      await client.request({ token: fixture.token() });
      expect((await linkOf(client, 'nsm-1')).addresses).to.deep.equal([]);
      await client.close();
      fixture.node.endpoint.behaviour = { kind: 'agree', context: () => undefined };
      await client.request({ token: fixture.token() });
      await client.close();
    });
  });

  it('K5, B27: gives policies tables, rules and default routes of both IP versions, and leaves none of them behind', async () => {
    using client = await fixture.client();
    await withoutTrace(fixture.node, [client], async () => {
      const policy = { from: '', proto: '6', dstPort: '80', srcPort: '', routes: [] };
      fixture.node.endpoint.behaviour = toIp(() => ({ policies: [policy] }));
      await client.request({ token: fixture.token() });
      const { routes, rules } = await client.look(inTime());
      expect(routes.filter((route) => route.startsWith('default'))).to.have.lengthOf(2);
      expect(rules.filter((rule) => /lookup \d+$/.test(rule))).to.have.lengthOf(2);
      await client.close();
    });
  });

  it('tells monitors what is there, then every change', async () => {
    using client = await fixture.client();
    const stop = new AbortController();
    const events = client.monitor(stop.signal);
    const next = async () => (await events.next()).value as ConnectionEvent;
    const initial = await next();
    expect(initial).to.deep.include({ type: ConnectionEventType.INITIAL_STATE_TRANSFER, connections: {} });
    const answer = await client.request({ token: fixture.token() });
    const id = answer.path?.pathSegments[1]?.id ?? '';
    const update = await next();
    expect(update.type).to.equal(ConnectionEventType.UPDATE);
    expect(update.connections[id]).to.deep.include({ id, state: State.UP });
    expect(update.connections[id]?.path?.pathSegments.every(({ token }) => token === '')).to.equal(true);
    await client.close();
    const deleted = await next();
    expect(deleted.type).to.equal(ConnectionEventType.DELETE);
    expect(Object.keys(deleted.connections)).to.deep.equal([id]);
    stop.abort();
    await events.next();
  });

  it('shares a namespace among several connections of one pod', async () => {
    using client = await fixture.client();
    using other = await fixture.client();
    await client.request({ token: fixture.token(0), interfaceName: 'nsm-1' });
    await other.request({
      token: fixture.token(1),
      interfaceName: 'nsm-2',
      descriptor: `/proc/self/fd/${client.namespace.fd}`,
    });
    const names = (await client.look(inTime())).links.map(({ name }) => name);
    expect(names).to.include.members(['nsm-1', 'nsm-2']);
    await client.close();
    expect((await linkOf(client, 'nsm-2')).up).to.equal(true);
    await other.close();
  });

  it('serves a token again once its connection is closed', async () => {
    using client = await fixture.client();
    await expectServed(client, fixture.token());
    await expectServed(client, fixture.token());
  });
});
