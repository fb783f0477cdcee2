import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'chai';
import { ADDRESS_FAMILY, NLM_F, RTM } from '../../src/link/rtnetlink.js';
import { insideNetworkNamespace, openNetworkNamespace } from '../../src/native/network-namespace.js';
import type { NetNamespace } from '../../src/ports/links.js';
import { failure, failureOf, inTime, linkNamed } from '../contract/network-harness.js';
import { skipBecause } from '../skip-because.js';
import { kernelHarness } from './kernel-harness.js';
import { freshNetwork, tell, whyNoKernel } from './own-network.js';

const openDescriptors = () => readdirSync('/proc/self/fd').length;

describe('namespaces of the running kernel', () => {
  let harness: Awaited<ReturnType<typeof kernelHarness>>;
  let home: NetNamespace;

  before(function () {
    const reason = whyNoKernel();
    if (reason !== undefined) skipBecause(this, reason);
  });
  beforeEach(async () => {
    harness = await kernelHarness();
    home = harness.namespaces.home;
  });
  afterEach(async () => harness[Symbol.asyncDispose]());

  it('refuse whatever is no network namespace, without opening it for good', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'netns-'));
    try {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const before = openDescriptors();
      for (const path of [pipe, folder, '/dev/null', '/proc/self/ns/mnt', '/proc/self/ns/user']) {
        const error = await failureOf('invalid', () => harness.namespaces.open(path));
        expect(error.message).to.include(path);
      }
      expect(openDescriptors()).to.equal(before);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('open a descriptor that was itself opened with O_PATH', async () => {
    const O_PATH = 0o10000000;
    const fd = openSync(await harness.freshNamespace(), constants.O_RDONLY | O_PATH);
    using namespace = harness.namespaces.open(`/proc/self/fd/${fd}`);
    closeSync(fd);
    expect((await linkNamed(namespace, 'lo')).index).to.equal(1);
  });

  it('L7, B27, B30: cost no descriptor after 1000 openings with a request in each', async () => {
    const path = await harness.freshNamespace();
    const before = openDescriptors();
    for (let i = 0; i < 1000; i++) {
      using namespace = harness.namespaces.open(path);
      expect(openDescriptors()).to.equal(before + 1);
      await linkNamed(namespace, 'lo');
    }
    expect(openDescriptors()).to.equal(before);
  });

  it('B30: die with the last user, for nothing keeps them open in secret', async () => {
    await harness.makeVfLink('vf0');
    const network = freshNetwork();
    const client = harness.namespaces.open(network.path);
    await home.links.move((await linkNamed(home, 'vf0')).index, client, 'nsm-1', inTime());
    await linkNamed(client, 'nsm-1');
    await linkNamed(home, 'vf0-wire');
    client[Symbol.dispose]();
    network[Symbol.dispose]();
    // A veth goes with its namespace, and takes the other end along.
    const limit = inTime();
    while ((await home.links.find({ name: 'vf0-wire' }, limit)) !== undefined) await new Promise(setImmediate);
  });

  it('are left by every thread, also after a failure inside', async () => {
    const here = readlinkSync('/proc/thread-self/ns/net');
    using file = openNetworkNamespace(await harness.freshNamespace());
    const there = insideNetworkNamespace(file, () => readlinkSync('/proc/thread-self/ns/net'));
    expect(there).to.not.equal(here);
    const failing = () => {
      throw new Error('inside');
    };
    expect(() => insideNetworkNamespace(file, failing)).to.throw('inside');
    const threads = readdirSync('/proc/self/task').map((thread) => readlinkSync(`/proc/self/task/${thread}/ns/net`));
    expect(threads).to.not.include(there);
    expect(readlinkSync('/proc/thread-self/ns/net')).to.equal(here);
  });

  it('B28: have IPv6 addresses that serve at once, also without carrier', async () => {
    await harness.makeVfLink('vf0');
    const { index } = await linkNamed(home, 'vf0');
    await home.links.change(index, { up: true }, inTime());
    await home.addressing.add([{ kind: 'address', index, cidr: '2001:db8::1/128' }], inTime());
    const everything = Buffer.from([ADDRESS_FAMILY[6], 0, 0, 0, 0, 0, 0, 0]);
    const entries = await tell({ type: RTM.GETADDR, flags: NLM_F.DUMP, body: everything }, 'list addresses');
    const [tentative, permanent] = [0x40, 0x80];
    expect(
      entries.filter((entry) => entry[3] === 0).map((entry) => (entry[2] ?? 0) & (tentative | permanent)),
    ).to.deep.equal([permanent]);
  });

  it('take 64 moves at once while the event loop runs on', async function () {
    const count = 64;
    this.timeout(30_000);
    for (let i = 0; i < count; i++) await harness.makeVfLink(`vf${i}`);
    const links = await Promise.all(Array.from({ length: count }, (_, i) => linkNamed(home, `vf${i}`)));
    using client = harness.namespaces.open(await harness.freshNamespace());
    let ticks = 0;
    const ticking = setInterval(() => {
      ticks += 1;
    }, 1);
    const pauses = monitorEventLoopDelay({ resolution: 1 });
    pauses.enable();
    const start = performance.now();
    try {
      await Promise.all(
        links.map((link, i) => home.links.move(link.index, client, `nsm-${i}`, AbortSignal.timeout(25_000))),
      );
    } finally {
      clearInterval(ticking);
      pauses.disable();
    }
    const took = performance.now() - start;
    console.log(
      `      ${count} moves in ${took.toFixed(0)} ms; longest pause of the event loop ${(pauses.max / 1e6).toFixed(1)} ms, ${ticks} ticks of a 1 ms timer`,
    );
    expect(ticks).to.be.greaterThan(count);
    expect(await linkNamed(client, 'nsm-63')).to.include({ mac: links[63]?.mac });
  });

  it('release a caller in the middle of a move, which then ends by itself', async () => {
    await harness.makeVfLink('vf0');
    const { index } = await linkNamed(home, 'vf0');
    using client = harness.namespaces.open(await harness.freshNamespace());
    const leaving = new AbortController();
    const move = home.links.move(index, client, 'nsm-1', leaving.signal);
    setImmediate(() => leaving.abort());
    await failure('cancelled', move);
    const limit = inTime();
    while ((await client.links.find({ name: 'nsm-1' }, limit)) === undefined) await new Promise(setImmediate);
  });
});
