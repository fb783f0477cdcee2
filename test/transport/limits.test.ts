import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import { limits } from '../../src/transport/limits.js';
import { refusalLog } from '../../src/transport/refusal-log.js';
import { noMoreThan, openDescriptors } from './support/descriptors.js';
import { EchoService } from './support/echo-service.js';
import { keptLog } from './support/kept-log.js';
import { type NodePair, never, nodePair } from './support/node-pair.js';
import { echo, failure, say } from './support/say.js';
import { StaticSource } from './support/static-source.js';
import { until } from './support/until.js';

/** A connection of its own that stays while the test runs. */
async function another(pair: NodePair, source = pair.clientSource): Promise<void> {
  expect(await say({ ...pair, channels: pair.client(source) }, 'x')).to.equal('x');
}

describe('a server with limits', () => {
  let before: string[];
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(() => noMoreThan(before));

  it('takes no message that is longer than any honest one, and goes on with its sender', async () => {
    await using pair = await nodePair(echo);
    const longest = 'x'.repeat(limits.longestMessage);
    expect(await say(pair, longest)).to.equal(longest);
    expect((await failure(say(pair, `${longest}x`))).kind).to.equal('exhausted');
    expect(await say(pair, 'x')).to.equal('x');
  });

  it('answers in few words, however long the text is that its handler complains of', async () => {
    await using pair = await nodePair({
      say: (text) => Promise.reject(new ForwarderError('invalid', `${text} is wrong`)),
    });
    const error = await failure(say(pair, 'ä'.repeat(200_000)));
    expect(error.kind).to.equal('invalid');
    expect(error.message)
      .to.have.lengthOf(4000)
      .and.to.match(/^ä+… \(200009 characters\)$/);
    expect((await failure(say(pair, 'x'))).message).to.equal('x is wrong');
  });

  it('closes a connection on which nothing is asked, and keeps one on which somebody listens', async () => {
    const listening = async function* (text: string, { signal }: { readonly signal: AbortSignal }) {
      yield text;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    await using pair = await nodePair({ ...echo, repeat: listening }, { limits: { idleTimeoutMs: 1_000 } });
    await pair.channels.use(pair.server.url, never, async (connection) => {
      for await (const text of connection.stream(EchoService.repeat, 'heard', { signal: never })) {
        expect(text).to.equal('heard');
        await another(pair);
        expect(pair.server.connectionCount).to.equal(2);
        await until(() => pair.server.connectionCount < 2);
        expect(await connection.unary(EchoService.say, 'still here', { signal: never })).to.equal('still here');
        break;
      }
    });
  });

  it('gives one peer so many connections and no more, and others theirs', async () => {
    await using pair = await nodePair(echo, { limits: { mostConnectionsOfOne: 2 } });
    await another(pair);
    await another(pair);
    await failure(say({ ...pair, channels: pair.client(pair.clientSource) }, 'third'));
    expect(pair.log.lines.join()).to.include('spiffe://nodes.test/client has 2 connections already');
    await another(pair, new StaticSource(await pair.authority.issue('/other')));
  });

  it('gives a peer another connection when one of its own has ended', async () => {
    await using pair = await nodePair(echo, { limits: { mostConnectionsOfOne: 1 } });
    expect(await say(pair, 'x')).to.equal('x');
    await pair.channels[Symbol.asyncDispose]();
    await until(() => pair.server.connectionCount === 0);
    await another(pair);
  });
});

describe('the log of refused connections', () => {
  it('shows the first of a thousand and says how many there were', () => {
    const shown: string[] = [];
    const log = { ...keptLog(), warn: (line: string) => void shown.push(line) };
    const clock = { time: 0, now: () => clock.time };
    const refused = refusalLog(log, clock);
    for (let n = 0; n < 1000; n += 1) refused(`number ${n}`);
    expect(shown).to.have.lengthOf(20).and.to.include('connection refused: number 19');
    clock.time = 20_000;
    refused('later');
    expect(shown.slice(20)).to.deep.equal(['980 more connections were refused', 'connection refused: later']);
  });
});
