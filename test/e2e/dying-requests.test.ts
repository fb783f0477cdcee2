import { expect } from 'chai';
import { type ConnectionEvent, State } from '../../apis/generated/connection.js';
import type { SimulatedClient, Wish } from '../../simulation/client.js';
import { ForwarderError } from '../../src/ports/error.js';
import { expectServed, refusal, stateOf, withoutTrace } from './support/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

describe('a request that dies halfway', () => {
  const fixture = useNode();

  afterEach(() => {
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    fixture.node.endpoint.closeError = undefined;
  });

  /** Sends a request that nobody waits for in the end; resolves when the daemon has undone it. */
  async function abandoned(client: SimulatedClient, wish: Wish, leave: () => void): Promise<void> {
    const { daemon, endpoint } = fixture.node;
    const { requests } = endpoint;
    const from = daemon.lines.length;
    const outcome = client.request({ token: fixture.token(), ...wish }).catch((error: unknown) => error);
    await endpoint.until(() => endpoint.requests > requests, inTime());
    leave();
    expect(await outcome).to.be.instanceOf(Error);
    await daemon.logged('Request failed', inTime(), from);
  }

  it('B1, L1: is undone when the endpoint refuses; the client gets its words', async () => {
    using client = await fixture.client();
    await withoutTrace(fixture.node, [client], async () => {
      fixture.node.endpoint.behaviour = {
        kind: 'refuse',
        error: new ForwarderError('denied', 'not on a Saturday'),
      };
      const said = await refusal('PERMISSION_DENIED', client.request({ token: fixture.token() }));
      expect(said).to.include('not on a Saturday');
    });
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await expectServed(client, fixture.token());
  });

  it('B1: gives the VF to whoever asks next, with another token', async () => {
    using client = await fixture.client();
    fixture.node.endpoint.behaviour = { kind: 'refuse', error: new ForwarderError('busy', 'full') };
    for (let pod = 0; pod < 4; pod += 1) {
      await refusal('ABORTED', client.request({ token: fixture.token(pod) }));
      await refusal('ABORTED', client.request({ token: fixture.token(pod) }));
    }
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    const others = await Promise.all([0, 1, 2, 3].map(() => fixture.client()));
    await Promise.all(others.map((other, pod) => other.request({ token: fixture.token(pod) })));
    await Promise.all(others.map((other) => other.close()));
    for (const other of others) other[Symbol.dispose]();
  });

  it('is undone when the endpoint is silent and the client leaves', async () => {
    using client = await fixture.client();
    await withoutTrace(fixture.node, [client], async () => {
      fixture.node.endpoint.behaviour = { kind: 'silent' };
      const leaving = new AbortController();
      await abandoned(client, { signal: leaving.signal }, () => leaving.abort());
    });
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await expectServed(client, fixture.token());
  });

  it('is undone when the endpoint is silent and the deadline passes', async () => {
    using client = await fixture.client();
    await withoutTrace(fixture.node, [client], async () => {
      fixture.node.endpoint.behaviour = { kind: 'silent' };
      await abandoned(client, { timeoutMs: 300 }, () => undefined);
    });
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await expectServed(client, fixture.token());
  });

  it('is undone, the endpoint included, when the client leaves just before the answer', async () => {
    using client = await fixture.client();
    await withoutTrace(fixture.node, [client], async () => {
      const leaving = new AbortController();
      let left = () => {};
      const gone = new Promise<void>((resolve) => {
        left = resolve;
      });
      fixture.node.endpoint.behaviour = { kind: 'agree', meanwhile: () => gone };
      await abandoned(client, { signal: leaving.signal }, () => {
        leaving.abort();
        left();
      });
      await fixture.node.endpoint.until(() => fixture.node.endpoint.connections === 0, inTime());
    });
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await expectServed(client, fixture.token());
  });

  it('is undone when the endpoint is no longer registered', async () => {
    using client = await fixture.client();
    const services = new Map(fixture.node.registry.services);
    await withoutTrace(fixture.node, [client], async () => {
      fixture.node.registry.services.clear();
      const said = await refusal('NOT_FOUND', client.request({ token: fixture.token() }));
      expect(said).to.include(fixture.node.networkService);
    });
    for (const [name, service] of services) fixture.node.registry.services.set(name, service);
    await expectServed(client, fixture.token());
  });

  it('B35, F2: leaves a connection as it was when it was a refresh, and Close then works', async () => {
    using client = await fixture.client();
    await withoutTrace(fixture.node, [client], async () => {
      await client.request({ token: fixture.token() });
      const established = await stateOf(fixture.node, client);
      fixture.node.endpoint.behaviour = { kind: 'refuse', error: new ForwarderError('unknown', 'out of order') };
      await refusal('UNKNOWN', client.request());
      expect(await stateOf(fixture.node, client)).to.deep.equal(established);
      // No descriptor comes with it: the one of the first Request is still held.
      await client.close();
    });
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await expectServed(client, fixture.token());
  });

  it('tells monitors that a connection is down when its refresh fails, and up again after the next', async () => {
    using client = await fixture.client();
    await client.request({ token: fixture.token() });
    const stop = new AbortController();
    const states: State[] = [];
    const events = client.monitor(stop.signal);
    const next = async () => {
      const { connections } = (await events.next()).value as ConnectionEvent;
      states.push(...Object.values(connections).map(({ state }) => state));
    };
    await next();
    fixture.node.endpoint.behaviour = { kind: 'refuse', error: new ForwarderError('unknown', 'out of order') };
    await refusal('UNKNOWN', client.request());
    await next();
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    await client.request();
    await next();
    expect(states).to.deep.equal([State.UP, State.DOWN, State.UP]);
    stop.abort();
    await events.next();
    await client.close();
  });

  it('B19, L5: takes the VF home even when the endpoint refuses the Close, and says so', async () => {
    const { endpoint, hardware } = fixture.node;
    using client = await fixture.client();
    await client.request({ token: fixture.token() });
    endpoint.closeError = new ForwarderError('unknown', 'not now');
    expect(await refusal('UNKNOWN', client.close())).to.match(/is closed, but .*not now/);
    endpoint.closeError = undefined;
    expect(await hardware.homecomers()).to.equal(hardware.ports.length);
    endpoint.expireAll();
    await expectServed(client, fixture.token());
  });

  it('B21, L3: of two for the last VF one is served, the other told why, and nothing of it is left', async () => {
    const users = await Promise.all([0, 1, 2].map(() => fixture.client()));
    await Promise.all(users.map((user, pod) => user.request({ token: fixture.token(pod) })));
    const open = fixture.tokens.map(({ intel }) => intel);
    const racers = await Promise.all([fixture.token(3), ...open].map(() => fixture.client()));
    const before = await stateOf(fixture.node, ...users, ...racers);
    const tokens = [fixture.token(3), ...open];
    const outcomes = await Promise.allSettled(racers.map((racer, i) => racer.request({ token: tokens[i] ?? '' })));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue;
      const { details, message } = outcome.reason as ForwarderError;
      expect(details['grpcCode'], message).to.equal('FAILED_PRECONDITION');
      expect(message).to.match(/^token sriov-.* of simulated\.node\/(10G|intel) is closed: VF .* in use/);
    }
    const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
    await racers[winner]?.close();
    expect(await stateOf(fixture.node, ...users, ...racers)).to.deep.equal(before);
    await Promise.all(users.map((user) => user.close()));
    for (const client of [...users, ...racers]) client[Symbol.dispose]();
  });
});
