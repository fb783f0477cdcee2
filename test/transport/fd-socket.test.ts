import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fstatSync, readFileSync, statSync } from 'node:fs';
import { expect } from 'chai';
import { unixSocketCalls } from '../../src/native/unix-socket.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { FdSocket } from '../../src/transport/fd-socket.js';
import { inodeUrlOfStat } from '../../src/transport/inode-url.js';
import { noMoreThan, openDescriptors } from './support/descriptors.js';
import { socketPair } from './support/socket-pair.js';
import { until } from './support/until.js';

const never = new AbortController().signal;
const netns = '/proc/self/ns/net';

describe('FdSocket', () => {
  let before: string[];
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(() => noMoreThan(before));

  it('passes a file with the bytes that follow it, under its inode', async () => {
    await using pair = await socketPair();
    const url = pair.near.sendFile(netns);
    expect(url).to.equal(inodeUrlOfStat(statSync(netns, { bigint: true })));
    pair.near.write('hello');
    expect(await text(pair.far, 5)).to.equal('hello');
    using received = await pair.far.receive(url, never);
    expect(statSync(received.path).ino).to.equal(statSync(netns).ino);
  });

  it('hands out a descriptor of its own to everybody who asks, also after the connection is gone', async () => {
    const pair = await socketPair();
    const url = pair.near.sendFile(netns);
    pair.near.write('x');
    pair.far.resume();
    using first = await pair.far.receive(url, never);
    using second = await pair.far.receive(url, never);
    await pair[Symbol.asyncDispose]();
    expect(first.fd).not.to.equal(second.fd);
    expect(fstatSync(first.fd).ino).to.equal(fstatSync(second.fd).ino);
  });

  it('F4: receives and duplicates descriptors close-on-exec', async () => {
    await using pair = await socketPair();
    const url = pair.near.sendFile(netns);
    pair.near.write('x');
    pair.far.resume();
    using received = await pair.far.receive(url, never);
    const flags = Number.parseInt(
      /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${received.fd}`, 'utf8'))?.[1] ?? '',
      8,
    );
    expect(flags & 0o2000000).not.to.equal(0);
  });

  it('F3: returns the inode URL at once, whether or not the descriptor has left already', async () => {
    await using pair = await socketPair();
    pair.near.write('busy');
    expect(pair.near.sendFile(netns)).to.match(/^inode:\/\/\d+\/\d+$/);
    expect(() => pair.near.sendFile('/no/such/file'))
      .to.throw(ForwarderError, '/no/such/file')
      .with.property('kind', 'not-found');
  });

  it('F4: delivers every descriptor and byte when the socket is full', async () => {
    await using pair = await socketPair();
    const bulk = randomBytes(1 << 20);
    pair.near.write(bulk);
    const files = [
      '/proc/self/ns/net',
      '/proc/self/ns/pid',
      '/proc/self/ns/mnt',
      '/proc/self/ns/uts',
      '/proc/self/ns/ipc',
    ];
    const urls = files.map((file) => pair.near.sendFile(file));
    pair.near.write('tail!');
    const hash = createHash('sha256');
    let length = 0;
    pair.far.on('data', (chunk: Buffer) => {
      length += chunk.length;
      hash.update(chunk);
    });
    await until(
      () => length === bulk.length + 5,
      () => `${length} bytes`,
    );
    expect(hash.digest('hex')).to.equal(createHash('sha256').update(bulk).update('tail!').digest('hex'));
    for (const url of urls) (await pair.far.receive(url, never))[Symbol.dispose]();
  });

  it('holds back a fast writer while the reader is slow', async () => {
    await using pair = await socketPair();
    let sent = 0;
    while (sent < 1 << 24 && pair.near.write(Buffer.alloc(1 << 16))) sent += 1 << 16;
    expect(sent).to.be.lessThan(1 << 24);
    let length = 0;
    pair.far.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    await until(
      () => length === sent + (1 << 16),
      () => `${length} of ${sent}`,
    );
  });

  it('names the likely cause early when the peer announced a descriptor and sent none', async () => {
    await using pair = await socketPair(20);
    const error = await pair.far.receive('inode://4/4026531840', never).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(ForwarderError).with.property('kind', 'refused');
    expect(error).to.have.property('message').that.includes('inode://4/4026531840').and.includes('WARN or ERROR');
  });

  it('waits for a descriptor that comes after the call that names it', async () => {
    await using pair = await socketPair();
    pair.far.resume();
    const waiting = pair.far.receive(inodeUrlOfStat(statSync(netns, { bigint: true })), never);
    pair.near.sendFile(netns);
    pair.near.write('x');
    (await waiting)[Symbol.dispose]();
  });

  it('F1: fails who waits as soon as the connection closes', async () => {
    const pair = await socketPair(60_000);
    const waiting = pair.far.receive('inode://4/1', never).catch((e: unknown) => e);
    await pair[Symbol.asyncDispose]();
    expect(await waiting)
      .to.be.instanceOf(ForwarderError)
      .with.property('kind', 'unavailable');
    expect(await pair.far.receive('inode://4/1', never).catch((e: unknown) => e)).to.have.property(
      'kind',
      'unavailable',
    );
  });

  it('stops waiting when the caller does', async () => {
    await using pair = await socketPair();
    const caller = new AbortController();
    const waiting = pair.far.receive('inode://4/1', caller.signal).catch((e: unknown) => e);
    caller.abort(new ForwarderError('timed-out', 'the deadline passed'));
    expect(await waiting).to.have.property('kind', 'timed-out');
  });

  it('refuses what is no inode URL', async () => {
    await using pair = await socketPair();
    for (const url of ['file:///etc/passwd', 'inode://4', 'inode://4/-1', 'inode://4/1/2', 'inode://x/1']) {
      expect(await pair.far.receive(url, never).catch((e: unknown) => e), url).to.have.property('kind', 'invalid');
    }
  });

  it('keeps no more unclaimed descriptors than it has room for', async () => {
    await using pair = await socketPair(20, 2);
    const urls = ['net', 'pid', 'mnt'].map((kind) => pair.near.sendFile(`/proc/self/ns/${kind}`));
    pair.near.write('abc');
    expect(await text(pair.far, 3)).to.equal('abc');
    const open = openDescriptors();
    const answers = await Promise.all(
      urls.map((url) => pair.far.receive(url, never).catch((e: unknown) => (e as ForwarderError).kind)),
    );
    expect(answers[0]).to.equal('refused');
    for (const answer of answers.slice(1)) if (typeof answer === 'object') answer[Symbol.dispose]();
    expect(openDescriptors()).to.have.lengthOf(open.length);
  });

  it('keeps one descriptor of a file however often it comes', async () => {
    await using pair = await socketPair();
    const open = openDescriptors().length;
    for (let i = 0; i < 200; i += 1) pair.near.sendFile(netns);
    pair.near.write(Buffer.alloc(200));
    await text(pair.far, 200);
    expect(openDescriptors()).to.have.lengthOf(open + 1);
  });

  it('ends when the peer has said its last word', async () => {
    await using pair = await socketPair();
    pair.far.resume();
    pair.near.end('bye');
    await once(pair.far, 'close');
  });

  it('fails a pending write when it is destroyed', async () => {
    await using pair = await socketPair();
    const written = new Promise<Error | null | undefined>((resolve) => pair.near.write(Buffer.alloc(1 << 22), resolve));
    pair.near.destroy();
    expect(await written).to.be.instanceOf(Error);
  });

  it('ends when what is written finds the peer gone', async () => {
    await using pair = await socketPair();
    pair.far.destroy();
    const closed = once(pair.near, 'close');
    pair.near.write('anybody there?');
    pair.near.write('nobody');
    await closed;
    expect(() => pair.near.sendFile(netns))
      .to.throw(ForwarderError)
      .with.property('kind', 'unavailable');
  });

  it('reads what a peer said before it went, even when a write fails first', async () => {
    await using pair = await socketPair();
    let got = '';
    pair.far.end('the answer');
    await once(pair.far.resume(), 'finish');
    pair.far.destroy();
    pair.near.write('too late');
    pair.near.on('data', (chunk: Buffer) => {
      got += chunk.toString();
    });
    await until(() => pair.near.closed);
    expect(got).to.equal('the answer');
  });

  it('survives garbage collection between its calls', async () => {
    await using pair = await socketPair();
    let length = 0;
    pair.far.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    for (let i = 0; i < 500; i += 1) {
      pair.near.sendFile(netns);
      pair.near.write(randomBytes(1000));
      if (i % 100 === 0) Array.from({ length: 50 }, () => Buffer.alloc(1 << 16));
    }
    await until(
      () => length === 500_000,
      () => `${length} bytes`,
    );
  });

  it('duplicates nothing but open descriptors', () => {
    expect(() => unixSocketCalls.duplicate(-1)).to.throw(ForwarderError, 'EBADF');
  });
});

async function text(socket: FdSocket, length: number): Promise<string> {
  let bytes = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  await until(
    () => bytes.length >= length,
    () => `${bytes.length} of ${length} bytes`,
  );
  socket.removeAllListeners('data');
  return bytes.toString();
}
