import { expect } from 'chai';
import { type ConnectionEvent, ConnectionEventType } from '../../apis/generated/connection.js';
import type { SimulatedClient } from '../../simulation/client.js';
import { expectServed, linkOf, stateOf } from './support/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

/** Resolves when the forwarder says that the client's connection is gone; listens from when it resolves first. */
async function deletionOf(client: SimulatedClient): Promise<{ readonly told: Promise<void> }> {
  const stop = new AbortController();
  const events = client.monitor(AbortSignal.any([stop.signal, inTime()]));
  const next = async () => (await events.next()).value as ConnectionEvent | undefined;
  await next();
  const told = async () => {
    for (let event = await next(); event !== undefined; event = await next()) {
      if (event.type === ConnectionEventType.DELETE) break;
    }
    stop.abort();
    await events.next();
  };
  return { told: told() };
}

describe('the end', () => {
  describe('of a connection that nobody closes', () => {
    const fixture = useNode();

    it('comes with its token: the VF comes home, the endpoint is told', async () => {
      const { node } = fixture;
      using client = await fixture.client();
      const before = await stateOf(node, client);
      const deletion = await deletionOf(client);
      await client.request({ token: fixture.token(), tokenLifetimeMs: 3_000 });
      expect((await linkOf(client, 'nsm-1')).up).to.equal(true);
      await deletion.told;
      expect(await stateOf(node, client)).to.deep.equal(before);
      await expectServed(client, fixture.token());
    });

    it('does not come while it is refreshed', async () => {
      using client = await fixture.client();
      using other = await fixture.client();
      const deletion = await deletionOf(other);
      await client.request({ token: fixture.token(0), tokenLifetimeMs: 3_000 });
      await client.request({ tokenLifetimeMs: 60_000 });
      await other.request({ token: fixture.token(1), tokenLifetimeMs: 3_000 });
      // The other's end is later than the first one's would have been.
      await deletion.told;
      expect((await linkOf(client, 'nsm-1')).up).to.equal(true);
      await client.close();
    });

    it('is orderly when the pod is long gone: the namespace is held until the VF is home', async () => {
      const { node } = fixture;
      const client = await fixture.client();
      const deletion = await deletionOf(client);
      const answer = await client.request({ token: fixture.token(), tokenLifetimeMs: 3_000 });
      const vf = answer.mechanism?.parameters['pciAddress'] ?? '';
      client[Symbol.dispose]();
      await deletion.told;
      await node.hardware.quiet();
      expect(await node.hardware.atHome(vf)).to.deep.include({ name: node.hardware.port(vf).name, up: false });
      using next = await fixture.client();
      await expectServed(next, fixture.token());
    });
  });

  describe('of a daemon that shall leave nothing (NSM_CLOSE_ON_EXIT)', () => {
    const fixture = useNode({ env: { NSM_CLOSE_ON_EXIT: 'true' } });

    it('brings every VF home, closes every connection and leaves the registry', async () => {
      const { node } = fixture;
      const clients = await Promise.all([0, 1, 2].map(() => fixture.client()));
      await Promise.all(clients.map((client, pod) => client.request({ token: fixture.token(pod) })));
      expect(await node.hardware.homecomers()).to.equal(node.hardware.ports.length - 3);
      expect(await node.daemon.stop()).to.deep.equal({ code: 0, signal: null });
      expect(await node.hardware.homecomers()).to.equal(node.hardware.ports.length);
      expect(node.endpoint.connections).to.equal(0);
      expect(node.registry.names).to.deep.equal([node.endpoint.name]);
      expect(node.kubelet.streams).to.equal(0);
    });
  });
});
