import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { noMoreThan, openDescriptors } from './support/descriptors.js';
import { EchoService } from './support/echo-service.js';
import { never, nodePair } from './support/node-pair.js';
import { echo, failure, say } from './support/say.js';
import { until } from './support/until.js';

describe('connections', () => {
  let before: string[];
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(() => noMoreThan(before));

  it('H3: are shared between calls, and dialled again after the server was away', async () => {
    await using pair = await nodePair(echo);
    await Promise.all(Array.from({ length: 20 }, (_, i) => say(pair, `${i}`)));
    expect([pair.server.connectionCount, pair.channels.size]).to.deep.equal([1, 1]);
    await pair.server[Symbol.asyncDispose]();
    await until(() => pair.channels.size === 0);
    const error = await failure(say(pair, 'x'));
    expect(error.kind).to.equal('unavailable');
    expect(error.message).to.include('ENOENT').and.include(pair.server.url.slice('unix://'.length));
    await using _again = await nodePair(echo, { url: pair.server.url, source: pair.serverSource });
    expect(await say(pair, 'back')).to.equal('back');
  });

  for (const nowhere of ['', 'unix://', 'tcp://']) {
    it(`N3: to ${JSON.stringify(nowhere)}, which leads nowhere, are refused with the address`, async () => {
      await using pair = await nodePair(echo);
      const error = await failure(pair.channels.use(nowhere, never, () => Promise.resolve()));
      expect(error.kind).to.equal('invalid');
      expect(error.message).to.include(nowhere);
      expect(pair.channels.size).to.equal(0);
    });
  }

  it('close when nobody uses them for a while', async () => {
    await using pair = await nodePair(echo, { client: { idleTimeoutMs: 20 } });
    await say(pair, 'x');
    await until(() => pair.channels.size === 0 && pair.server.connectionCount === 0);
  });

  it('are given up when the peer never shakes hands', async () => {
    await using pair = await nodePair(echo, { client: { dialTimeoutMs: 50 } });
    const held: Socket[] = [];
    const silent = createServer((socket) => held.push(socket)).listen(`${pair.directory}/silent.sock`);
    await once(silent, 'listening');
    const asked = pair.channels.use(`unix://${pair.directory}/silent.sock`, never, (connection) =>
      connection.unary(EchoService.say, '', { signal: never }),
    );
    expect((await failure(asked)).kind).to.equal('timed-out');
    for (const socket of held) socket.destroy();
    silent.close();
  });

  it('leave a caller that stops waiting, and serve the others', async () => {
    await using pair = await nodePair(echo);
    const caller = new AbortController();
    const left = failure(say(pair, 'x', caller.signal));
    const stayed = say(pair, 'y');
    caller.abort();
    expect((await left).kind).to.equal('cancelled');
    expect(await stayed).to.equal('y');
  });

  it('live on through a rotation, while new ones show the new certificate', async () => {
    const notAfters: number[] = [];
    await using pair = await nodePair({
      say: async (text, call) => {
        notAfters.push(call.peer.notAfter);
        return text;
      },
    });
    await pair.channels.use(pair.server.url, never, async (old) => {
      await old.unary(EchoService.say, 'before', { signal: never });
      const later = Date.now() + 7_200_000;
      pair.serverSource.rotate(await pair.authority.issue('/server', { notAfter: later }));
      pair.clientSource.rotate(await pair.authority.issue('/client', { notAfter: later + 60_000 }));
      await old.unary(EchoService.say, 'during', { signal: never });
      const fresh = await pair.channels.use(pair.server.url, never, async (connection) => {
        await connection.unary(EchoService.say, 'after', { signal: never });
        return connection.peer;
      });
      expect(fresh.notAfter).to.equal(pair.serverSource.current().notAfter);
    });
    expect(notAfters[0]).to.equal(notAfters[1]);
    expect(notAfters[2]).to.equal(pair.clientSource.current().notAfter);
  });

  it('finish their running calls when the server stops, and take no new ones', async () => {
    const gate = new AbortController();
    const inside = new AbortController();
    await using pair = await nodePair({
      say: async (text) => {
        inside.abort();
        if (!gate.signal.aborted) await once(gate.signal, 'abort');
        return text;
      },
    });
    const running = say(pair, 'slow');
    if (!inside.signal.aborted) await once(inside.signal, 'abort');
    const stopped = pair.server.stop(never);
    await until(() => !existsSync(pair.server.url.slice('unix://'.length)));
    gate.abort();
    expect(await running).to.equal('slow');
    await stopped;
    expect(pair.server.connectionCount).to.equal(0);
  });

  it('are cut when the grace of a stopping server is over', async () => {
    const inside = new AbortController();
    await using pair = await nodePair({
      say: (_text, call) =>
        new Promise((_resolve, reject) => {
          call.signal.addEventListener('abort', () => reject(call.signal.reason as Error));
          inside.abort();
        }),
    });
    const running = failure(say(pair, 'stuck'));
    if (!inside.signal.aborted) await once(inside.signal, 'abort');
    await pair.server.stop(AbortSignal.abort());
    // Nobody can tell whether the call had its effect.
    expect((await running).kind).to.be.oneOf(['unknown', 'cancelled', 'unavailable']);
    expect(pair.server.connectionCount).to.equal(0);
  });

  it('leave nothing behind, each with a call and two descriptors of its own', async function () {
    this.timeout(60_000);
    await using pair = await nodePair({
      say: async (url, call) => {
        using received = await call.peer.receive(url, call.signal);
        return received.path;
      },
    });
    const single = async () => {
      await using channels = pair.client(pair.clientSource);
      await channels.use(pair.server.url, never, (connection) => {
        connection.sendFile('/proc/self/ns/pid');
        return connection.unary(EchoService.say, connection.sendFile('/proc/self/ns/net'), { signal: never });
      });
    };
    for (let round = 0; round < 12; round += 1) await Promise.all(Array.from({ length: 25 }, single));
    await until(() => pair.server.connectionCount === 0);
  });
});
