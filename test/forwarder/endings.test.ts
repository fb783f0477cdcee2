import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import { inOrder, type Turn } from '../sim/turn.js';
import { kindOf } from './kind-of.js';
import { messageOf, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';
import { refreshOf } from './simulated-forwarder.js';

const second = 1_000;
const life = 600 * second;

describe('a connection that nobody refreshes', () => {
  it('L9: is closed as early before the end of its token as the caller may take for a call', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect(wish);
    expect(world.clock.pending).to.equal(1);
    await world.clock.advance(life - 15 * second - 1);
    expect(world.state()).not.to.equal(untouched);
    await world.clock.advance(1);
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
    const [close] = world.endpoint.closes;
    for (const { name, expires } of close?.connection.path?.pathSegments.slice(1) ?? []) {
      expect(Number(expires?.seconds) * second, name).to.be.greaterThan(world.clock.wallTime());
    }
  });

  it('L9: keeps time for its Close also when the caller did not say how long it waits', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect({ ...wish, saysDeadline: false });
    await world.clock.advance(life - 15 * second);
    expect(world.state()).to.equal(untouched);
  });

  it('lives half as long as a token that ends sooner than the caller would wait', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect({ ...wish, life: 10 * second });
    await world.clock.advance(5 * second - 1);
    expect(world.state()).not.to.equal(untouched);
    await world.clock.advance(1);
    expect(world.state()).to.equal(untouched);
  });

  it('each refresh puts the end off, one that fails does not', async () => {
    const { world, wish, untouched } = await oneClient();
    let answer = await world.connect(wish);
    await world.clock.advance(400 * second);
    answer = await world.refresh(answer, wish);
    expect(world.clock.pending).to.equal(1);
    await world.clock.advance(400 * second);
    world.endpoint.refusal = new ForwarderError('refused', 'no');
    expect(await kindOf(world.refresh(answer, wish))).to.equal('refused');
    expect(world.state()).not.to.equal(untouched);
    await world.clock.advance(185 * second);
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
  });

  it('tells monitors, and a Close that comes later is done already', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    const seen: string[] = [];
    using _subscription = world.forwarder.events.subscribe(({ type }) => seen.push(type));
    await world.clock.advance(life);
    expect(seen).to.deep.equal(['delete']);
    expect(await kindOf(world.close(answer, wish))).to.equal('ok');
  });

  it('a refresh under way when the time comes saves it, if it succeeds', async () => {
    let wait: Promise<void> | undefined;
    let answers: () => void = () => undefined;
    const { world, wish } = await oneClient({
      turn: async (name) => (name.startsWith('nextHops.request') ? wait : undefined),
    });
    const answer = await world.connect(wish);
    await world.clock.advance(life - 20 * second);
    wait = new Promise((resolve) => {
      answers = resolve;
    });
    const asked = { caller: world.caller(wish), signal: new AbortController().signal };
    const refreshed = world.forwarder.request(refreshOf(answer, wish), asked);
    await world.clock.advance(10 * second);
    answers();
    await refreshed;
    await world.clock.advance(0);
    expect(world.forwarder.connections.established()).to.have.lengthOf(1);
    expect(world.clock.pending).to.equal(1);
  });

  it('a refresh under way when the time comes and that fails does not save it', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    await world.clock.advance(life - 20 * second);
    world.node.faults.failNext('addressing.list', 'hang');
    expect(await kindOf(world.refresh(answer, wish))).to.equal('timed-out');
    await world.clock.advance(0);
    expect(world.state()).to.equal(untouched);
  });

  it('stopping disarms what is pending and closes nothing; closing all leaves nothing', async () => {
    const { world, tokens, untouched } = await oneClient();
    for (const [i, token] of tokens.entries()) {
      const answered = await kindOf(
        world.connect({ token, interfaceName: `nsm-${i}`, parameters: { vlan: '1' } }, `U${i}`),
      );
      expect(answered).to.equal('ok');
    }
    expect(world.forwarder.connections.report()[0]).to.deep.equal({
      id: 'connection-1',
      networkService: 'service',
      holds: ['function-claimed', 'namespace-held', 'onward', 'netdev-identity', 'function-used', 'netdev-moved'],
    });
    expect(world.clock.pending).to.equal(4);
    world.forwarder.connections.stop();
    expect(world.clock.pending).to.equal(0);
    expect(world.forwarder.connections.established()).to.have.lengthOf(4);
    await world.clock.advanceUntil(world.forwarder.connections.closeAll());
    expect(world.state()).to.equal(untouched);
  });

  it('closing all waits for a Request that is under way, and takes it back', async () => {
    let closing: Promise<void> | undefined;
    const turn: Turn = async (name) => {
      if (name.startsWith('links.move home')) closing = world.forwarder.connections.closeAll();
    };
    const { world, wish, untouched } = await oneClient({ turn });
    await world.connect(wish);
    await world.clock.advanceUntil(closing ?? Promise.reject(new Error('not closing')));
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
  });
});

describe('a caller that leaves', () => {
  const gone = () => new ForwarderError('cancelled', 'the client has left');

  /** Runs what the caller asks, which leaves at its n-th call outside; 0: it stays. */
  async function leavingAt(n: number, options: { refresh?: boolean } = {}) {
    const leaves = new AbortController();
    let calls = Number.NEGATIVE_INFINITY;
    const turn: Turn = async (name) => {
      calls += 1;
      if (calls === n) leaves.abort(gone());
      await inOrder(name);
    };
    const client = await oneClient({ turn });
    const { world, wish } = client;
    const answer = options.refresh ? await world.connect(wish) : undefined;
    const before = world.state();
    if (answer !== undefined) {
      world.endpoint.context = { MTU: 1400, ipContext: addresses('10.0.0.9/32', '10.0.0.8/32') };
    }
    calls = 0;
    const request =
      answer === undefined ? world.firstRequest('U1', wish) : { connection: answer, mechanismPreferences: [] };
    const message = await messageOf(world.request(request, wish, leaves.signal));
    return { ...client, message, calls, before, answer };
  }

  it('L12, B1: at any moment of its first Request leaves nothing behind', async () => {
    const { calls } = await leavingAt(0);
    expect(calls).to.be.greaterThan(8);
    for (let n = 1; n <= calls; n += 1) {
      const { world, message, untouched } = await leavingAt(n);
      expect(message, `call ${n}`).to.equal('the client has left');
      expect(world.state(), `call ${n}`).to.equal(untouched);
      expect(world.clock.pending, `call ${n}`).to.equal(0);
    }
  });

  it('B1: before it has its answer leaves nothing behind, even if all is done', async () => {
    const { calls } = await leavingAt(0);
    const { world, message, untouched } = await leavingAt(calls);
    expect(message).to.equal('the client has left');
    expect(world.state()).to.equal(untouched);
  });

  it('at any moment of a refresh leaves the connection as it was, and it still ends in time', async () => {
    const { calls } = await leavingAt(0, { refresh: true });
    for (let n = 1; n <= calls; n += 1) {
      const { world, message, before, untouched } = await leavingAt(n, { refresh: true });
      expect(message, `call ${n}`).to.equal('the client has left');
      expect(world.state(), `call ${n}`).to.equal(before);
      await world.clock.advance(life);
      expect(world.state(), `call ${n}, later`).to.equal(untouched);
      expect(world.clock.pending, `call ${n}`).to.equal(0);
    }
  });

  it('L12: while its Request waits for an earlier one of the same connection is served no more', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    const request = { connection: answer, mechanismPreferences: [] };
    const asked = world.endpoint.requests.length;
    const leaves = new AbortController();
    const asks = { caller: world.caller(wish), signal: new AbortController().signal };
    const running = world.forwarder.request(request, asks);
    const waiting = kindOf(world.forwarder.request(request, { ...asks, signal: leaves.signal }));
    leaves.abort(gone());
    expect(await waiting).to.equal('cancelled');
    await running;
    expect(world.endpoint.requests.length - asked).to.equal(1);
  });
});
