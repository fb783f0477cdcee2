import { expect } from 'chai';
import {
  Connection,
  type ConnectionEvent,
  ConnectionEventType,
  MonitorScopeSelector,
  State,
} from '../../../apis/generated/connection.js';
import { segment } from '../../../src/forwarder/chain/path.js';
import type { Forwarder } from '../../../src/forwarder/forwarder.js';
import { matches, monitorConnections } from '../../../src/forwarder/grpc/monitor.js';
import { ForwarderError, toForwarderError } from '../../../src/ports/error.js';
import { kindOf } from '../kind-of.js';
import { oneClient } from '../one-client.js';
import { incoming, stream } from './incoming.js';

const quiet: Disposable = { [Symbol.dispose]: () => undefined };
const everything = MonitorScopeSelector.fromPartial({});

/** A forwarder and one who listens to it. */
async function listening(selector = everything) {
  const client = await oneClient();
  const leaves = new AbortController();
  const draining = new AbortController();
  const openDoor = { monitor: () => () => true };
  const service = monitorConnections(client.world.forwarder, openDoor, draining.signal);
  const events = stream<ConnectionEvent>(service, 'monitorConnections', selector, incoming({ signal: leaves.signal }));
  const next = async () => (await events.next()).value as ConnectionEvent;
  return { ...client, events, next, leaves, draining };
}

function only({ connections }: ConnectionEvent): Connection {
  const [[id, connection] = [], ...more] = Object.entries(connections);
  if (connection === undefined || more.length > 0 || connection.id !== id) throw new Error('not one connection');
  return connection;
}

describe('MonitorConnections', () => {
  it('begins with what is there, even if that is nothing', async () => {
    const { next } = await listening();
    expect(await next()).to.deep.include({ type: ConnectionEventType.INITIAL_STATE_TRANSFER, connections: {} });
  });

  it('begins with several events where one would be longer than a peer may take', async () => {
    const labels = { long: 'x'.repeat(400_000) };
    const connections = ['a', 'b', 'c', 'd', 'e'].map((id) => Connection.fromPartial({ id, labels }));
    const forwarder = { connections: { established: () => connections }, events: { subscribe: () => quiet } };
    const door = { monitor: () => () => true };
    const service = monitorConnections(forwarder as unknown as Forwarder, door, new AbortController().signal);
    const events = stream<ConnectionEvent>(service, 'monitorConnections', everything, incoming());
    const next = async () => {
      const { type, connections: some } = (await events.next()).value as ConnectionEvent;
      return [type, Object.keys(some)];
    };
    const { INITIAL_STATE_TRANSFER, UPDATE } = ConnectionEventType;
    expect([await next(), await next(), await next()]).to.deep.equal([
      [INITIAL_STATE_TRANSFER, ['a', 'b']],
      [UPDATE, ['c', 'd']],
      [UPDATE, ['e']],
    ]);
  });

  it('shows our own id and index and the whole path', async () => {
    const { world, wish, next } = await listening();
    await world.connect(wish);
    const initial = await next();
    expect(initial.type).to.equal(ConnectionEventType.INITIAL_STATE_TRANSFER);
    const connection = only(initial);
    expect(connection.id).to.equal('connection-1');
    expect(connection.path?.index).to.equal(2);
    expect(connection.path?.pathSegments.map(({ name }) => name)).to.deep.equal(['client', 'manager', 'forwarder']);
  });

  it('S6: leaves tokens out, in all events', async () => {
    const { world, wish, next } = await listening();
    await next();
    const answer = await world.connect(wish);
    expect(answer.path?.pathSegments[1]?.token).to.equal('token of the manager');
    expect(only(await next()).path?.pathSegments.map(({ token }) => token)).to.deep.equal(['', '', '']);
    await world.close(answer, wish);
    expect(only(await next()).path?.pathSegments.map(({ token }) => token)).to.deep.equal(['', '', '']);
  });

  it('tells of each Request and refresh, of one that fails (DOWN), and of the end', async () => {
    const { world, wish, next } = await listening();
    await next();
    const answer = await world.connect(wish);
    await world.refresh(answer, wish);
    world.endpoint.refusal = new ForwarderError('refused', 'no');
    expect(await kindOf(world.refresh(answer, wish))).to.equal('refused');
    await world.close(answer, wish);
    const seen = [await next(), await next(), await next(), await next()];
    expect(seen.map((it) => [it.type, only(it).state])).to.deep.equal([
      [ConnectionEventType.UPDATE, State.UP],
      [ConnectionEventType.UPDATE, State.UP],
      [ConnectionEventType.UPDATE, State.DOWN],
      [ConnectionEventType.DELETE, State.UP],
    ]);
  });

  it('shows what the next hop says of a connection, until the next Request succeeds', async () => {
    const { world, wish, next } = await listening();
    const answer = await world.connect(wish);
    await next();
    world.forwarder.saidBelow('connection-1', 'lost');
    world.forwarder.saidBelow('connection-1', 'lost');
    expect(only(await next()).state).to.equal(State.DOWN);
    expect(world.forwarder.connections.established().map(({ state }) => state)).to.deep.equal([State.DOWN]);

    await world.refresh(answer, wish);
    expect(only(await next()).state).to.equal(State.UP);
    expect(world.forwarder.connections.established().map(({ state }) => state)).to.deep.equal([State.UP]);
  });

  it('says nothing of a first Request that fails', async () => {
    const { world, wish, next } = await listening();
    await next();
    world.endpoint.refusal = new ForwarderError('refused', 'no');
    expect(await kindOf(world.connect(wish))).to.equal('refused');
    world.endpoint.refusal = undefined;
    await world.connect(wish);
    expect(only(await next()).id).to.equal('connection-2');
  });

  it('keeps to what was asked for', async () => {
    const { world, wish, tokens, next } = await listening(
      MonitorScopeSelector.fromPartial({ pathSegments: [segment('manager', 'U2')] }),
    );
    await next();
    await world.connect({ ...wish, type: 'NOOP' }, 'U1');
    await world.connect({ token: tokens[1] ?? wish.token, type: 'NOOP' }, 'U2');
    expect(only(await next()).path?.pathSegments[1]?.id).to.equal('U2');
  });

  for (const who of ['leaves', 'draining'] as const) {
    it(`ends, and nothing is left of it, when ${who === 'leaves' ? 'the subscriber leaves' : 'the process ends'}`, async () => {
      const listener = await listening();
      await listener.next();
      expect(listener.world.forwarder.events.size).to.equal(1);
      const waiting = listener.events.next();
      listener[who].abort();
      expect((await waiting).done).to.equal(true);
      expect(listener.world.forwarder.events.size).to.equal(0);
    });
  }

  it('sends one away that does not read, and keeps nothing for it', async () => {
    const { world, next, events } = await listening();
    await next();
    const change = { type: 'update', connection: Connection.fromPartial({ id: 'c' }) } as const;
    for (let i = 0; i < 3_000; i += 1) world.forwarder.events.publish(change);
    const error = toForwarderError(await events.next().catch((thrown: unknown) => thrown));
    expect(error.kind).to.equal('exhausted');
    expect(error.message).to.equal('the subscriber does not read: 1024 events waited for it');
    expect(world.forwarder.events.size).to.equal(0);
  });

  it('serves others while one does not read or breaks', async () => {
    const { world, wish, next } = await listening();
    await next();
    using _broken = world.forwarder.events.subscribe(() => {
      throw new Error('broken');
    });
    const second: string[] = [];
    using _after = world.forwarder.events.subscribe(({ type }) => second.push(type));
    await world.connect(wish);
    expect(second).to.deep.equal(['update']);
    expect(only(await next()).id).to.equal('connection-1');
  });
});

describe('what a monitor selects', () => {
  const connection: Connection = {
    ...Connection.fromPartial({ id: 'U3', networkService: 's' }),
    path: { index: 2, pathSegments: [segment('client', 'U1'), segment('manager', 'U2'), segment('forwarder', 'U3')] },
  };
  const rows: readonly { title: string; services?: string[]; path?: [name: string, id: string][]; fits: boolean }[] = [
    { title: 'nothing named: everything', fits: true },
    { title: 'its service among others', services: ['t', 's'], fits: true },
    { title: 'another service', services: ['t'], fits: false },
    { title: 'one segment anywhere', path: [['manager', 'U2']], fits: true },
    { title: 'a name, any id', path: [['forwarder', '']], fits: true },
    { title: 'an id, any name', path: [['', 'U1']], fits: true },
    {
      title: 'a run of segments',
      path: [
        ['manager', ''],
        ['forwarder', 'U3'],
      ],
      fits: true,
    },
    {
      title: 'segments with one between them are no run',
      path: [
        ['client', ''],
        ['forwarder', ''],
      ],
      fits: false,
    },
    {
      title: 'a run in the wrong order',
      path: [
        ['forwarder', ''],
        ['manager', ''],
      ],
      fits: false,
    },
    {
      title: 'a run beyond the end',
      path: [
        ['forwarder', ''],
        ['', ''],
      ],
      fits: false,
    },
    { title: 'a name with another id', path: [['manager', 'U3']], fits: false },
    { title: 'the right path of another service', services: ['t'], path: [['manager', 'U2']], fits: false },
  ];
  for (const { title, services = [], path = [], fits } of rows) {
    it(`${title}: ${fits ? 'yes' : 'no'}`, () => {
      const selector = { networkServices: services, pathSegments: path.map(([name, id]) => segment(name, id)) };
      expect(matches(selector, connection)).to.equal(fits);
    });
  }
});
