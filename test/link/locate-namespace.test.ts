import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { KernelNamespaces } from '../../src/link/kernel-namespaces.js';
import { failure, inTime } from '../contract/network-harness.js';
import { skipBecause } from '../skip-because.js';
import { type FreshNetwork, freshNetwork, whyNoKernel } from './own-network.js';

const openDescriptors = () => readdirSync('/proc/self/fd').length;

describe('looking for a namespace of the running kernel by its id', () => {
  let folder: string;
  let network: FreshNetwork;
  let namespaces: KernelNamespaces;
  /** The namespace of `network`, as somebody remembers it. */
  let id: ReturnType<KernelNamespaces['open']>['id'];

  before(function () {
    const reason = whyNoKernel();
    if (reason !== undefined) skipBecause(this, reason);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'proc-'));
    network = freshNetwork();
    namespaces = new KernelNamespaces({ proc: folder });
    using known = namespaces.open(network.path);
    id = known.id;
  });
  afterEach(function () {
    this.timeout(20_000); // thousands of folders, on a busy machine
    namespaces[Symbol.dispose]();
    network[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  /** A process as /proc shows it, in the namespace behind this path; without one, it has just ended. */
  const showProcess = (pid: string, path?: string) => {
    mkdirSync(join(folder, pid, 'ns'), { recursive: true });
    if (path !== undefined) symlinkSync(path, join(folder, pid, 'ns/net'));
  };

  it('passes over processes that have ended, that are elsewhere, and files that are no process', async () => {
    showProcess('1');
    showProcess('2', '/proc/self/ns/net');
    showProcess('3', '/dev/null');
    showProcess('not-a-pid', network.path);
    expect(await namespaces.locate(id, inTime())).to.equal(undefined);
    showProcess('4', network.path);
    using found = await namespaces.locate(id, inTime());
    expect(found?.id).to.equal(id);
  });

  it('finds nothing where there is no /proc at all', async () => {
    using blind = new KernelNamespaces({ proc: '/nowhere/proc' });
    expect(await blind.locate(id, inTime())).to.equal(undefined);
  });

  it('finds a namespace with a name, which no process need be in', async () => {
    // A blank in the path, which the kernel writes in octal.
    const named = join(folder, 'a name');
    writeFileSync(named, '');
    const fd = network.path.split('/').at(-1);
    execFileSync('mount', ['--bind', `/proc/${process.pid}/fd/${fd}`, named]);
    try {
      using real = new KernelNamespaces();
      using found = await real.locate(id, inTime());
      expect(found?.id).to.equal(id);
    } finally {
      execFileSync('umount', [named]);
    }
  });

  it('believes no mount table that leads elsewhere', async () => {
    mkdirSync(join(folder, 'self'));
    const lines = [
      '1 2 0:4 net:[IN] /nowhere rw - nsfs nsfs rw',
      '1 2 0:4 net:[IN] /dev/null rw - nsfs nsfs rw',
      'x',
      '',
    ];
    writeFileSync(join(folder, 'self/mountinfo'), lines.join('\n').replaceAll('IN', id.split('/')[1] ?? ''));
    expect(await namespaces.locate(id, inTime())).to.equal(undefined);
  });

  it('opens nothing but what it gives', async () => {
    showProcess('1', '/proc/self/ns/net');
    showProcess('2', network.path);
    const before = openDescriptors();
    const found = await namespaces.locate(id, inTime());
    expect(openDescriptors()).to.equal(before + 1);
    found?.[Symbol.dispose]();
    expect(openDescriptors()).to.equal(before);
  });

  it('takes thousands of processes while the event loop runs on, and leaves them when the caller does', async function () {
    this.timeout(20_000);
    const count = 3000;
    for (let pid = 1; pid <= count; pid += 1) showProcess(`${pid}`, '/proc/self/ns/net');
    let ticks = 0;
    const ticking = setInterval(() => {
      ticks += 1;
    }, 1);
    const start = performance.now();
    try {
      expect(await namespaces.locate(id, inTime())).to.equal(undefined);
      console.log(
        `      ${count} processes in ${(performance.now() - start).toFixed(0)} ms, ${ticks} ticks of a 1 ms timer`,
      );
      expect(ticks).to.be.greaterThan(10);
      const leaving = new AbortController();
      const search = namespaces.locate(id, leaving.signal);
      setImmediate(() => leaving.abort());
      await failure('cancelled', search);
    } finally {
      clearInterval(ticking);
    }
  });
});
