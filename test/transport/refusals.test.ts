import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect } from 'chai';
import { CertificateAuthority } from '../../simulation/certificate-authority.js';
import { noMoreThan, openDescriptors } from './support/descriptors.js';
import { nodePair } from './support/node-pair.js';
import { echo, failure, say } from './support/say.js';
import { StaticSource } from './support/static-source.js';
import { until } from './support/until.js';

describe('a server refuses', () => {
  let before: string[];
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(() => noMoreThan(before));

  it('a client of another trust domain, and is refused by one', async () => {
    await using pair = await nodePair(echo);
    const foreign = await CertificateAuthority.create('elsewhere.test');
    const trusting = new StaticSource(await foreign.issue('/client', { federated: [pair.authority] }));
    await failure(say({ ...pair, channels: pair.client(trusting) }, 'x'));
    await until(() => pair.log.lines.some((line) => line.includes('refused')));
    const strict = new StaticSource(await foreign.issue('/client'));
    expect((await failure(say({ ...pair, channels: pair.client(strict) }, 'x'))).kind).to.equal('unauthenticated');
    expect(await say(pair, 'still here')).to.equal('still here');
  });

  it('a federated authority that speaks for our own trust domain', async () => {
    await using pair = await nodePair(echo);
    const federated = await CertificateAuthority.create('friends.test');
    pair.serverSource.rotate(await pair.authority.issue('/server', { federated: [federated] }));
    const friend = new StaticSource(await federated.issue('/client', { federated: [pair.authority] }));
    expect(await say({ ...pair, channels: pair.client(friend) }, 'hello')).to.equal('hello');
    const uris = ['spiffe://nodes.test/client'];
    const forged = await federated.issue('/client', { uris, federated: [pair.authority] });
    await failure(say({ ...pair, channels: pair.client(new StaticSource(forged)) }, 'x'));
    expect(pair.log.lines.join()).to.include('does not lead to the bundle of trust domain nodes.test');
  });

  for (const [what, options, message] of [
    ['two URI names', { uris: ['spiffe://nodes.test/a', 'spiffe://nodes.test/b'] }, 'exactly one URI name'],
    ['no SPIFFE ID', { uris: ['https://nodes.test/'] }, 'is not a SPIFFE ID'],
    ['the certificate of a CA', { isCa: true }, 'of a CA'],
    ['a certificate that is over', { notAfter: Date.now() - 1000 }, 'not valid now'],
  ] as const) {
    it(`a client with ${what}`, async () => {
      await using pair = await nodePair(echo);
      const source = new StaticSource(await pair.authority.issue('/client', options));
      await failure(say({ ...pair, channels: pair.client(source) }, 'x'));
      const said = () => pair.log.lines.some((line) => line.includes('refused') && line.includes(message));
      await until(said, () => pair.log.lines.join('\n'));
    });
  }

  it('a client without certificate, plain HTTP, random bytes and early goodbyes, and serves on', async () => {
    await using pair = await nodePair(echo);
    const path = pair.server.url.slice('unix://'.length);
    const noise = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7919) % 256));
    const greetings = ['', 'GET / HTTP/1.1\r\n\r\n', noise];
    for (let i = 0; i < 99; i += 1) {
      const socket = connect(path);
      socket.on('error', () => {}).resume();
      socket.end(greetings[i % 3] ?? '');
    }
    await until(() => pair.log.lines.length > 60);
    expect(await say(pair, 'fine')).to.equal('fine');
    await until(() => pair.server.connectionCount === 1);
  });

  it('silent connections after the handshake timeout, and lets new ones in before that', async () => {
    await using pair = await nodePair(echo, { limits: { mostHandshakes: 50, handshakeTimeoutMs: 200 } });
    const path = pair.server.url.slice('unix://'.length);
    const connectSilently = () =>
      connect(path)
        .on('error', () => {})
        .resume();
    const idle = Array.from({ length: 300 }, connectSilently);
    expect(await say(pair, 'through')).to.equal('through');
    await until(() => pair.server.connectionCount === 1);
    for (const socket of idle) socket.destroy();
  });

  it('more connections than it may have', async () => {
    await using pair = await nodePair(echo, { limits: { mostConnections: 1 } });
    expect(await say(pair, 'first')).to.equal('first');
    await failure(say({ ...pair, channels: pair.client(pair.clientSource) }, 'second'));
    expect(pair.log.lines.join()).to.include('more than 1 at once');
  });

  it('the address of a server that is there, but replaces a socket file that nobody answers', async () => {
    await using pair = await nodePair(echo);
    const second = await failure(nodePair(echo, { url: pair.server.url }));
    expect(second.kind).to.equal('exists');
    expect(second.message).to.include('somebody listens there');
    const stale = `${pair.directory}/stale.sock`;
    const path = JSON.stringify(stale);
    const script = `require('net').createServer().listen(${path}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script]), 'exit');
    expect(existsSync(stale)).to.equal(true);
    await using replaced = await nodePair(echo, { url: `unix://${stale}`, source: pair.serverSource });
    expect(await say({ server: replaced.server, channels: pair.channels }, 'x')).to.equal('x');
    writeFileSync(`${pair.directory}/plain`, 'keep me');
    expect((await failure(nodePair(echo, { url: `unix://${pair.directory}/plain` }))).message).to.include('no socket');
  });
});
