import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { lockFolder } from '../../src/journal/lock-folder.js';
import { findLockHolder } from '../../src/journal/lock-holder.js';
import type { ForwarderError } from '../../src/ports/error.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { failureOf } from '../pci/failure.js';
import { SimClock } from '../sim/clock.js';
import { skipBecause } from '../skip-because.js';
import { smallDisk, type TestFolder, temporaryFolder, whyNoMounts } from './folders.js';

const program = fileURLToPath(new URL('locking-process.ts', import.meta.url));

describe('the lock of the state folder', () => {
  let folder: TestFolder;
  let clock: SimClock;
  let log: RecordedLog;
  beforeEach(() => {
    folder = temporaryFolder();
    clock = new SimClock();
    log = new RecordedLog();
  });
  afterEach(() => folder[Symbol.dispose]());

  const lock = (patienceMs = 60_000, signal = new AbortController().signal, path = folder.path) =>
    lockFolder(path, { clock, log, signal, patienceMs });
  /** Descriptors of this process that stand for the folder. */
  const descriptors = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === folder.path;
      } catch {
        return false;
      }
    }).length;

  it('is had at once where nobody has it, writes nothing, and ends with its disposal', async () => {
    const first = await lock();
    expect([readdirSync(folder.path).length, descriptors(), log.lines.length]).to.deep.equal([0, 1, 0]);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(descriptors()).to.equal(0);
    using _ = await lock(0);
  });

  it('makes the folder where it is missing, for root alone', async () => {
    const path = join(folder.path, 'deep', 'state');
    using _ = await lock(0, undefined, path);
    expect(statSync(path).mode & 0o777).to.equal(0o700);
  });

  it('is waited for, with one line that says who has it', async () => {
    const first = await lock();
    const second = lock();
    await clock.advance(5_000);
    expect(log.lines).to.have.length(1);
    expect(log.lines[0]).to.include(`warn the state folder ${folder.path} is locked by process ${process.pid} (`);
    first[Symbol.dispose]();
    using _ = await clock.advanceUntil(second, 100);
    expect([clock.pending, descriptors()]).to.deep.equal([0, 1]);
  });

  it('is waited for no longer than that: busy, with the folder, who has it and what to do', async () => {
    using _ = await lock();
    const error = await failureOf(clock.advanceUntil(lock(2_050)));
    expect([error.kind, clock.now(), clock.pending, descriptors()]).to.deep.equal(['busy', 2_050, 0, 1]);
    expect(error.message).to.match(new RegExp(`^the state folder ${folder.path} is still locked by process \\d+ \\(`));
    expect(error.message).to.include('after 2050 ms: only one forwarder may run on a node: end that one');
  });

  it('is waited for no longer than its caller does', async () => {
    using _ = await lock();
    const leave = new AbortController();
    const waiting = lock(60_000, leave.signal);
    await clock.advance(1_000);
    leave.abort();
    const error = await failureOf(clock.advanceUntil(waiting, 0));
    expect([error.kind, clock.pending, descriptors()]).to.deep.equal(['cancelled', 0, 1]);
  });

  it('is that of the folder which has the name: one that was removed meanwhile locks nobody out', async () => {
    using _ = await lock();
    rmSync(folder.path, { recursive: true });
    using _second = await lock(0);
    expect((await failureOf(lock(0))).kind).to.equal('busy');
  });

  it('is unavailable where there can be no such folder', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    for (const name of ['file', 'file/state']) {
      const error = await failureOf(lock(0, undefined, join(folder.path, name)));
      expect(error).to.include({ kind: 'unavailable' });
      expect(error.message).to.include(`cannot lock the state folder ${folder.path}/${name}: ENOTDIR`);
    }
  });

  describe('of another process', () => {
    const children: ChildProcess[] = [];
    afterEach(() => {
      for (const child of children.splice(0)) child.kill('SIGKILL');
    });

    /** Starts a process that locks the folder and then a child of its own; resolves when both are there. */
    const startHolder = async () => {
      const holder = spawn(process.execPath, ['--import', 'tsx', program, folder.path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(holder);
      const [line] = (await once(createInterface(holder.stdout), 'line')) as [string];
      return { holder, grandchild: Number(line) };
    };

    it('is named by its process id, and ends with kill -9 although a child of it lives on', async () => {
      const { holder, grandchild } = await startHolder();
      try {
        const waiting = lock();
        await clock.advance(1_000);
        expect(log.lines[0]).to.include(`is locked by process ${holder.pid} (${process.execPath} --import tsx`);
        holder.kill('SIGKILL');
        await once(holder, 'exit');
        using _ = await clock.advanceUntil(waiting, 100);
        expect(() => process.kill(grandchild, 0)).not.to.throw();
      } finally {
        process.kill(grandchild, 'SIGKILL');
      }
    }).timeout(20_000);
  });

  it('goes to no child of this process', async () => {
    using held = await lock();
    const { stdout } = await promisify(execFile)('ls', ['-l', '/proc/self/fd']);
    expect(stdout).not.to.include(folder.path);
    held[Symbol.dispose]();
  });

  it('can be had on a read-only file system', async function () {
    const reason = whyNoMounts();
    if (reason !== undefined) skipBecause(this, reason);
    using disk = smallDisk(64);
    disk.remount('ro');
    using held = await lock(0, undefined, disk.path);
    const taken: ForwarderError = await failureOf(lock(0, undefined, disk.path));
    expect(taken.kind).to.equal('busy');
    const missing = await failureOf(lock(0, undefined, join(disk.path, 'state')));
    expect(missing.message).to.include('EROFS');
    held[Symbol.dispose]();
  });
});

describe('the holder of a lock', () => {
  let proc: TestFolder;
  beforeEach(() => {
    proc = temporaryFolder();
  });
  afterEach(() => proc[Symbol.dispose]());

  /** Device fe:00. */
  const file = { dev: 0xfe00n, ino: 131n };
  const find = (...lines: string[]) => {
    writeFileSync(join(proc.path, 'locks'), lines.map((line, n) => `${n + 1}: ${line}\n`).join(''));
    return findLockHolder(file, proc.path);
  };

  it('is who has the exclusive flock of the very file', async () => {
    const holder = find(
      'POSIX  ADVISORY  WRITE 10 fe:00:131 0 EOF',
      'FLOCK  ADVISORY  READ 11 fe:00:131 0 EOF',
      'FLOCK  ADVISORY  WRITE 12 fe:00:1310 0 EOF',
      'FLOCK  ADVISORY  WRITE 13 00:2a:131 0 EOF',
      'FLOCK  ADVISORY  WRITE 14 fe:00:131 0 EOF',
    );
    expect(holder).to.equal('process 14');
  });

  it('is found by the inode alone where the device has two numbers, unless that is ambiguous', async () => {
    expect(find('FLOCK  ADVISORY  WRITE 13 00:2a:131 0 EOF')).to.equal('process 13');
    const two = ['FLOCK  ADVISORY  WRITE 13 00:2a:131 0 EOF', 'FLOCK  ADVISORY  WRITE 14 00:2b:131 0 EOF'];
    expect(find(...two)).to.equal(undefined);
  });

  it('is unknown when it is in another container, or nothing is shown', async () => {
    expect(find('FLOCK  ADVISORY  WRITE 0 fe:00:131 0 EOF')).to.equal(undefined);
    expect(find('FLOCK  ADVISORY  WRITE -1 fe:00:131 0 EOF')).to.equal(undefined);
    expect(findLockHolder(file, join(proc.path, 'none'))).to.equal(undefined);
  });
});
