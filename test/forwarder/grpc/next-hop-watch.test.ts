import { expect } from 'chai';
import { Connection, type ConnectionEvent, ConnectionEventType, State } from '../../../apis/generated/connection.js';
import { ConnectionEvents } from '../../../src/forwarder/chain/connection-events.js';
import { segment } from '../../../src/forwarder/chain/path.js';
import type { SaidBelow } from '../../../src/forwarder/chain/said-below.js';
import { NextHopWatch } from '../../../src/forwarder/grpc/next-hop-watch.js';
import { ForwarderError } from '../../../src/ports/error.js';
import type { CallOptions } from '../../../src/transport/caller.js';
import type { Channels } from '../../../src/transport/channels.js';
import { keptLog } from '../../transport/support/kept-log.js';
import { until } from '../../transport/support/until.js';

/** Next hops whose streams are in the test's hands. */
class Hops {
  readonly opened: string[] = [];
  readonly open = new Map<string, { say: (event: ConnectionEvent) => void; end: (error?: Error) => void }>();
  refusal: ForwarderError | undefined;

  get channels(): Pick<Channels, 'use'> {
    const use = async (target: unknown, _signal: AbortSignal, work: (it: never) => Promise<unknown>) => {
      const url = (target as { key: string }).key;
      this.opened.push(url);
      return work({ stream: (_m: unknown, _s: unknown, options: CallOptions) => this.#stream(url, options) } as never);
    };
    return { use } as unknown as Pick<Channels, 'use'>;
  }

  async *#stream(url: string, { signal }: CallOptions): AsyncGenerator<ConnectionEvent> {
    if (this.refusal !== undefined) throw this.refusal;
    const events: ConnectionEvent[] = [{ type: ConnectionEventType.INITIAL_STATE_TRANSFER, connections: {} }];
    const state = { ended: false, error: undefined as Error | undefined, wake: () => {} };
    const wake = () => state.wake();
    this.open.set(url, {
      say: (event) => {
        events.push(event);
        wake();
      },
      end: (error) => {
        Object.assign(state, { ended: true, error });
        wake();
      },
    });
    signal.addEventListener('abort', wake);
    while (!signal.aborted && !state.ended) {
      yield* events.splice(0);
      const isNews = () => signal.aborted || state.ended || events.length > 0;
      await new Promise<void>((resolve) => {
        state.wake = resolve;
        if (isNews()) resolve();
      });
    }
    this.open.delete(url);
    if (state.error !== undefined) throw state.error;
  }
}

function connection(id: string, state: State = State.UP): Connection {
  const pathSegments = [segment('manager', 'm'), segment('forwarder', id)];
  return Connection.fromPartial({ id, state, path: { index: 1, pathSegments } });
}

/** As the endpoint sees it: with its own id and index. */
function seenBelow(id: string, state: State = State.UP): ConnectionEvent['connections'] {
  const { path, ...own } = connection(id, state);
  const pathSegments = [...(path?.pathSegments ?? []), segment('endpoint', `${id}-below`)];
  return { below: { ...own, id: `${id}-below`, path: { index: 2, pathSegments } } };
}

function watched() {
  const hops = new Hops();
  const urls = new Map<string, string>();
  const said: { readonly id: string; readonly what: SaidBelow }[] = [];
  const events = new ConnectionEvents(keptLog());
  const watch = new NextHopWatch({
    name: 'forwarder',
    forwarder: {
      connections: { established: () => [] } as never,
      events,
      nextHopOf: (id) => urls.get(id),
      saidBelow: (id, what) => void said.push({ id, what }),
    },
    channels: hops.channels,
    sockets: { target: (url) => ({ key: url, address: url }) },
    log: keptLog(),
  });
  const change = (type: 'update' | 'delete', id: string, state: State = State.UP) =>
    events.publish({ type, connection: connection(id, state) });
  const isOpen = (url: string) => until(() => hops.open.has(url));
  return { hops, urls, said, watch, change, isOpen };
}

describe('next hops', () => {
  it('are followed on one stream each, and kept for the next connection that goes there, a few of them', async () => {
    const { hops, urls, watch, change, isOpen } = watched();
    using _ends = watch;
    for (const id of ['a', 'b']) urls.set(id, 'unix:///one');
    urls.set('c', 'unix:///two');
    for (const id of ['a', 'b', 'c', 'a']) change('update', id);
    await isOpen('unix:///two');
    expect(hops.opened).to.deep.equal(['unix:///one', 'unix:///two']);
    for (const id of ['a', 'b', 'c']) change('delete', id);
    change('update', 'a');
    expect(hops.opened).to.have.length(2);
    for (let i = 0; i < 20; i += 1) {
      urls.set(`${i}`, `unix:///${i}`);
      change('update', `${i}`);
    }
    for (let i = 0; i < 20; i += 1) change('delete', `${i}`);
    expect(watch.size).to.equal(17);
    await until(() => hops.open.size === 17);
    expect(hops.open.has('unix:///one')).to.equal(true);
  });

  it('say what becomes of a connection: its state and context, and DOWN when it is deleted there', async () => {
    const { hops, urls, said, watch, change, isOpen } = watched();
    using _ends = watch;
    urls.set('a', 'unix:///one');
    change('update', 'a');
    await isOpen('unix:///one');
    const stream = hops.open.get('unix:///one');
    stream?.say({ type: ConnectionEventType.UPDATE, connections: seenBelow('a', State.REFRESH_REQUESTED) });
    stream?.say({ type: ConnectionEventType.UPDATE, connections: seenBelow('somebody-else', State.DOWN) });
    stream?.say({ type: ConnectionEventType.DELETE, connections: seenBelow('a') });
    await until(() => said.length === 2);
    const states = said.map(({ id, what }) => [id, what === 'lost' ? what : what.state]);
    expect(states).to.deep.equal([
      ['a', State.REFRESH_REQUESTED],
      ['a', State.DOWN],
    ]);
  });

  it('are lost when the stream breaks, and followed again after the next Request that succeeds', async () => {
    const { hops, urls, said, watch, change, isOpen } = watched();
    using _ends = watch;
    urls.set('a', 'unix:///one');
    change('update', 'a');
    await isOpen('unix:///one');
    hops.open.get('unix:///one')?.end(new ForwarderError('unavailable', 'connection reset'));
    await until(() => said.length === 1);
    expect(said).to.deep.equal([{ id: 'a', what: 'lost' }]);
    change('update', 'a', State.DOWN);
    expect(watch.size).to.equal(0);
    change('update', 'a');
    await isOpen('unix:///one');
  });

  it('L11: go on being followed when a refresh fails', async () => {
    const { hops, urls, said, watch, change, isOpen } = watched();
    using _ends = watch;
    urls.set('a', 'unix:///one');
    change('update', 'a');
    await isOpen('unix:///one');
    change('update', 'a', State.DOWN);
    hops.open.get('unix:///one')?.say({ type: ConnectionEventType.DELETE, connections: seenBelow('a') });
    await until(() => said.length === 1);
    expect(hops.opened).to.deep.equal(['unix:///one']);
  });

  it('that serve no monitor are asked once, and nothing is made of it', async () => {
    const { hops, urls, said, watch, change } = watched();
    using _ends = watch;
    hops.refusal = new ForwarderError('unsupported', 'not implemented');
    urls.set('a', 'unix:///one');
    change('update', 'a');
    await until(() => watch.size === 0);
    change('update', 'a');
    expect([hops.opened.length, said.length]).to.deep.equal([1, 0]);
  });
});
