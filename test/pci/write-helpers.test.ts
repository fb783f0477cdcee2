import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { SystemClock } from '../../src/clock/system-clock.js';
import { errnoOf } from '../../src/pci/errno.js';
import { WriteHelpers } from '../../src/pci/write-helpers.js';
import { ForwarderError } from '../../src/ports/error.js';
import { failureOf } from './failure.js';
import { never } from './sysfs-node.js';
import { until } from './until.js';

describe('write helpers', () => {
  let folder: string;
  beforeEach(async () => {
    await until(() => running().length === 0);
    folder = await mkdtemp(join(tmpdir(), 'write-helpers-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const at = (name: string) => join(folder, name);
  const order = (file: string, subject = file) => ({ file: at(file), text: 'text\n', subject });

  /** A pipe that nobody reads: opening it for writing waits for ever, as a held write does. */
  const makeHolding = (name: string) => promisify(execFile)('mkfifo', [at(name)]);

  it('write what they are told, once, and cut nothing off', async () => {
    using helpers = new WriteHelpers(new SystemClock());
    await writeFile(at('file'), 'something longer\n');
    await helpers.write(order('file'), never);
    expect(await readFile(at('file'), 'utf8')).to.equal('text\nhing longer\n');
  });

  it('B12: never make a file: a missing attribute is ENOENT and stays missing', async () => {
    using helpers = new WriteHelpers(new SystemClock());
    expect(errnoOf(await errorOf(helpers.write(order('missing'), never)))).to.equal('ENOENT');
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('B12, P5: report the errno of the write itself', async () => {
    using helpers = new WriteHelpers(new SystemClock());
    const full = { file: '/dev/full', text: 'text\n', subject: 'full' };
    expect(errnoOf(await errorOf(helpers.write(full, never)))).to.equal('ENOSPC');
  });

  it('serve one write after another with the same process', async () => {
    await writeFile(at('file'), '');
    using helpers = new WriteHelpers(new SystemClock());
    await helpers.write(order('file'), never);
    const first = running();
    for (let write = 0; write < 20; write += 1) await helpers.write(order('file'), never);
    expect(running()).to.deep.equal(first).and.to.have.length(1);
  });

  it('B22: leave a held write behind at once, and file work and other writes go on meanwhile', async () => {
    await Promise.all(['a', 'b', 'c', 'd', 'e'].map(makeHolding));
    await writeFile(at('file'), '');
    using helpers = new WriteHelpers(new SystemClock(), { working: 6 });
    const caller = new AbortController();
    const held = ['a', 'b', 'c', 'd', 'e'].map((name) => failureOf(helpers.write(order(name), caller.signal)));
    await helpers.write(order('file'), never);
    expect(await readFile(at('file'), 'utf8')).to.equal('text\n');
    caller.abort(new ForwarderError('timed-out', 'enough'));
    for (const failure of await Promise.all(held)) expect(failure.kind).to.equal('timed-out');
  });

  it('let at most so many write at a time; the others wait in line, and leave it when they want', async () => {
    await makeHolding('held');
    await writeFile(at('file'), '');
    using helpers = new WriteHelpers(new SystemClock(), { working: 1 });
    const first = new AbortController();
    const held = failureOf(helpers.write(order('held'), first.signal));
    const second = new AbortController();
    const waiting = failureOf(helpers.write(order('file'), second.signal));
    second.abort(new ForwarderError('cancelled', 'no longer'));
    expect((await waiting).kind).to.equal('cancelled');
    const third = helpers.write(order('file'), never);
    first.abort(new ForwarderError('timed-out', 'enough'));
    await Promise.all([held, third]);
    expect(await readFile(at('file'), 'utf8')).to.equal('text\n');
  });

  it('write for a subject again as soon as a left write has ended', async () => {
    await makeHolding('held');
    await writeFile(at('file'), '');
    using helpers = new WriteHelpers(new SystemClock());
    const caller = new AbortController();
    const held = failureOf(helpers.write(order('held', 'vf'), caller.signal));
    caller.abort(new ForwarderError('timed-out', 'enough'));
    await held;
    await helpers.write(order('file', 'vf'), never);
    expect(await readFile(at('file'), 'utf8')).to.equal('text\n');
  });

  it('end with their owner: no process, descriptor or waiting caller is left', async () => {
    await makeHolding('held');
    await writeFile(at('file'), '');
    await open(at('file')).then((file) => file.close());
    const before = descriptors();
    const helpers = new WriteHelpers(new SystemClock());
    for (let write = 0; write < 8; write += 1) {
      await Promise.all(['1', '2', '3', '4', '5', '6'].map((vf) => helpers.write(order('file', vf), never)));
    }
    const held = failureOf(helpers.write(order('held'), never));
    helpers[Symbol.dispose]();
    expect((await held).kind).to.equal('cancelled');
    expect((await failureOf(helpers.write(order('file'), never))).kind).to.equal('cancelled');
    await until(() => running().length === 0 && descriptors() <= before);
  });

  it('have nothing of their owner in their hands: who waits for the end of its output is not kept by a held write', async () => {
    await makeHolding('held');
    using helpers = new WriteHelpers(new SystemClock());
    const held = failureOf(helpers.write(order('held'), never));
    await until(() => running().length === 1);
    const [pid = ''] = running();
    const openIn = (of: string, fds: readonly string[]) => fds.map((fd) => linkOf(`/proc/${of}/fd/${fd}`));
    const theirs = openIn(pid, readdirSync(`/proc/${pid}/fd`));
    const ours = openIn('self', ['1', '2']).filter((target) => target !== '/dev/null');
    expect(theirs).to.include('/dev/null');
    for (const target of ours) expect(theirs).not.to.include(target);
    helpers[Symbol.dispose]();
    await held;
  });

  it('go when they have been idle for a while', async () => {
    await writeFile(at('file'), '');
    using helpers = new WriteHelpers(new SystemClock(), { idle: 20 });
    await helpers.write(order('file'), never);
    await until(() => running().length === 0);
    await helpers.write(order('file'), never);
  });

  it('that are killed from outside fail their write and are replaced', async () => {
    await makeHolding('held');
    await writeFile(at('file'), '');
    using helpers = new WriteHelpers(new SystemClock());
    const held = failureOf(helpers.write(order('held'), never));
    await until(() => running().length === 1);
    process.kill(Number(running()[0]), 'SIGKILL');
    const failure = await held;
    expect(failure.kind).to.equal('unknown');
    expect(failure.message).to.contain('ended before it answered');
    await helpers.write(order('file'), never);
  });
});

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Process ids of the helpers that this process has. */
function running(): readonly string[] {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    read(`/proc/self/task/${task}/children`).split(' '),
  );
  return children.filter((pid) => pid !== '' && read(`/proc/${pid}/cmdline`).includes('write-helper')).sort();
}

/** What the file holds; nothing when the process it tells of has just gone. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Where a link leads; nowhere when it has just gone. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
