import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { decodeToken } from '../../src/policies/jwt.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parseGoTime } from '../../src/transport/go-time.js';
import type { Peer } from '../../src/transport/peer.js';
import type { Headers, IncomingCall } from '../../src/transport/service.js';
import { noMoreThan, openDescriptors } from './support/descriptors.js';
import { EchoService } from './support/echo-service.js';
import { type NodePair, never, nodePair } from './support/node-pair.js';
import { failure, say } from './support/say.js';
import { until } from './support/until.js';

describe('calls over mutual TLS', () => {
  let before: string[];
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(() => noMoreThan(before));

  it('tell both sides who the other is, with a token for this very peer', async () => {
    let seen: IncomingCall<Peer> | undefined;
    await using pair = await nodePair({
      say: async (text, call) => {
        seen = call;
        return text;
      },
    });
    const server = await pair.channels.use(pair.server.url, never, async (connection) => {
      await connection.unary(EchoService.say, 'x', { signal: never, metadata: { path: 'here' }, timeoutMs: 5000 });
      return connection.peer;
    });
    expect(server.spiffeId).to.equal('spiffe://nodes.test/server');
    const { notAfter } = pair.clientSource.current();
    expect(seen?.peer).to.include({ spiffeId: 'spiffe://nodes.test/client', notAfter });
    expect(seen?.metadata['path']).to.equal('here');
    expect(seen?.deadline).to.be.greaterThan(Date.now());
    const claims = decodeToken(seen?.metadata['nsm-client-token'] ?? '');
    expect(claims).to.deep.include({
      subject: 'spiffe://nodes.test/client',
      audience: ['spiffe://nodes.test/server'],
    });
    expect(parseGoTime(seen?.metadata['nsm-client-token-expires'] ?? '')).to.equal(claims.expires);
  });

  it('pass descriptors both ways', async () => {
    await using pair = await nodePair({
      say: async (url, call) => {
        using received = await call.peer.receive(url, call.signal);
        writeFileSync(`${pair.directory}/answer`, readFileSync(received.path, 'utf8').toUpperCase());
        return call.peer.sendFile(`${pair.directory}/answer`);
      },
    });
    writeFileSync(`${pair.directory}/file`, 'contents');
    await pair.channels.use(pair.server.url, never, async (connection) => {
      const url = connection.sendFile(`${pair.directory}/file`);
      const answer = await connection.unary(EchoService.say, url, { signal: never });
      using received = await connection.peer.receive(answer, never);
      expect(readFileSync(received.path, 'utf8')).to.equal('CONTENTS');
    });
  });

  it('pass a listening socket on, and dial it through the descriptor', async () => {
    await using pair = await nodePair({
      say: async (text, call) => {
        if (text === 'inner') return 'through the descriptor';
        using received = await call.peer.receive(text, call.signal);
        return await pair.channels.use(`unix://${received.path}`, call.signal, (inner) =>
          inner.unary(EchoService.say, 'inner', { signal: call.signal }),
        );
      },
    });
    const path = pair.server.url.slice('unix://'.length);
    const answer = await pair.channels.use(pair.server.url, never, (connection) =>
      connection.unary(EchoService.say, connection.sendFile(path), { signal: never }),
    );
    expect(answer).to.equal('through the descriptor');
  });

  it('F1: answer an announced descriptor that never comes with a clear error, long before the deadline', async () => {
    await using pair = await nodePair(
      { say: async (url, call) => (await call.peer.receive(url, call.signal)).path },
      { descriptorPatienceMs: 20 },
    );
    const error = await failure(say(pair, 'inode://4/99'));
    expect(error.kind).to.equal('refused');
    expect(error.message).to.match(/inode:\/\/4\/99 .*WARN or ERROR/);
  });

  it('carry the kind and the message of an error', async () => {
    await using pair = await nodePair({
      say: () => Promise.reject(new ForwarderError('exhausted', 'no free VF for token ä')),
    });
    expect(await failure(say(pair, 'x'))).to.include({ kind: 'exhausted', message: 'no free VF for token ä' });
    const unserved = { ...EchoService.say, path: '/test.Echo/Unserved' };
    const asked = pair.channels.use(pair.server.url, never, (connection) =>
      connection.unary(unserved, 'x', { signal: never }),
    );
    expect(await failure(asked)).to.have.property('kind', 'unsupported');
  });

  it('tell the handler that its caller left, or that the deadline passed', async () => {
    const reasons: string[] = [];
    const reached = new AbortController();
    await using pair = await nodePair({
      say: (_text, call) =>
        new Promise((_resolve, reject) => {
          call.signal.addEventListener('abort', () => {
            reasons.push((call.signal.reason as ForwarderError).kind);
            reject(call.signal.reason as Error);
          });
          reached.abort();
        }),
    });
    const caller = new AbortController();
    reached.signal.addEventListener('abort', () => caller.abort(new ForwarderError('cancelled', 'changed my mind')));
    expect(await failure(say(pair, 'x', caller.signal))).to.include({ kind: 'cancelled', message: 'changed my mind' });
    const late = pair.channels.use(pair.server.url, never, (connection) =>
      connection.unary(EchoService.say, 'x', { signal: never, timeoutMs: 30 }),
    );
    expect((await failure(late)).kind).to.equal('timed-out');
    await until(() => reasons.length === 2);
    expect(reasons[0]).to.equal('cancelled');
    // The caller's own deadline may be a hair before the one that we know of.
    expect(reasons[1]).to.be.oneOf(['timed-out', 'cancelled']);
  });

  it('stream answers, with headers, and end when the reader leaves the loop', async () => {
    let ended = false;
    await using pair = await nodePair({
      async *repeat(text, call) {
        call.sendHeaders({ path: 'back' });
        try {
          for (let i = 0; !call.signal.aborted; i += 1) {
            yield `${text}${i}`;
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended = true;
        }
      },
    });
    const got: string[] = [];
    let headers: Headers = {};
    const onHeaders = (received: Headers) => {
      headers = received;
    };
    await pair.channels.use(pair.server.url, never, async (connection) => {
      for await (const text of connection.stream(EchoService.repeat, 'n', { signal: never, onHeaders })) {
        if (got.push(text) === 3) break;
      }
    });
    expect(got).to.deep.equal(['n0', 'n1', 'n2']);
    expect(headers['path']).to.equal('back');
    await until(() => ended);
  });

  it('stream to a slow reader without losing a message, and report how the stream failed', async () => {
    await using pair = await nodePair({
      async *repeat() {
        for (let i = 0; i < 200; i += 1) yield 'x'.repeat(10_000);
        throw new ForwarderError('unavailable', 'no more');
      },
    });
    let length = 0;
    const reading = pair.channels.use(pair.server.url, never, async (connection) => {
      for await (const text of connection.stream(EchoService.repeat, 'x', { signal: never })) {
        length += text.length;
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    expect(await failure(reading)).to.include({ kind: 'unavailable', message: 'no more' });
    expect(length).to.equal(2_000_000);
  });

  const listed = (pair: NodePair, wanted: string, signal = never) =>
    pair.channels.use(pair.server.url, signal, (connection) => connection.list(EchoService.repeat, wanted, { signal }));

  it('list all answers of a stream that ends, or report how it failed', async () => {
    await using pair = await nodePair({
      async *repeat(text) {
        for (let i = 0; i < 200; i += 1) yield `${text}${i}`;
        if (text === 'fail') throw new ForwarderError('unavailable', 'no more');
      },
    });
    expect(await listed(pair, 'n')).to.deep.equal(Array.from({ length: 200 }, (_, i) => `n${i}`));
    expect(await failure(listed(pair, 'fail'))).to.include({ kind: 'unavailable', message: 'no more' });
  });

  it('list no more answers than anybody can want, and none after the signal', async () => {
    let ended = 0;
    const streaming = new AbortController();
    await using pair = await nodePair({
      async *repeat(text, call) {
        try {
          while (!call.signal.aborted) {
            yield text;
            if (text === 'slow') streaming.abort();
            await new Promise((resolve) => setImmediate(resolve));
          }
        } finally {
          ended += 1;
        }
      },
    });
    const tooMany = await failure(listed(pair, 'endless'));
    expect(tooMany).to.include({ kind: 'exhausted' });
    expect(tooMany.message).to.match(/repeat: more than 4096 answers/i);
    const caller = new AbortController();
    streaming.signal.addEventListener('abort', () => caller.abort(new ForwarderError('cancelled', 'changed my mind')));
    const left = await failure(listed(pair, 'slow', caller.signal));
    expect(left).to.include({ kind: 'cancelled', message: 'changed my mind' });
    await until(() => ended === 2);
  });
});

describe('calls over TCP', () => {
  it('work, and say that descriptors do not travel there', async () => {
    const before = openDescriptors();
    {
      await using pair = await nodePair(
        { say: async (url, call) => (await call.peer.receive(url, call.signal)).path },
        { url: 'tcp://127.0.0.1:0' },
      );
      expect(pair.server.url).to.match(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
      expect((await failure(say(pair, 'inode://4/1'))).kind).to.equal('unsupported');
      await pair.channels.use(pair.server.url, never, async (connection) => {
        expect(() => connection.sendFile('/proc/self/ns/net')).to.throw(ForwarderError, 'unix sockets only');
      });
    }
    await noMoreThan(before);
  });
});
