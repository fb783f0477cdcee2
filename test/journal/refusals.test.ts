import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import type { JsonObject } from '../../src/ports/json.js';
import { skipBecause } from '../skip-because.js';
import { type SmallDisk, smallDisk, type TestFolder, temporaryFolder, whyNoMounts } from './folders.js';
import { full, type Meddle, systemCallError } from './process-calls.js';
import { type Run, start } from './running.js';

const plain: Meddle = ({ proceed }) => proceed();
/** Larger than a block, so that no write finds room in one that is there already. */
const large = (n = 0): JsonObject => ({ n, text: 'x'.repeat(8_000) });

function refusalOf(action: () => void): ForwarderError {
  try {
    action();
  } catch (error) {
    if (error instanceof ForwarderError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

/** The error with which the journal refuses to write. */
function refusal({ journal }: Run): ForwarderError {
  const error = refusalOf(() => journal.write([{ key: 'refused', value: large() }]));
  expect(error.kind).to.equal('exhausted');
  expect([...journal.records().keys()]).not.to.include('refused');
  return error;
}

describe('a journal that cannot be written', () => {
  let folder: TestFolder;
  let meddle: Meddle;
  let run: Run;
  const begin = () => {
    run = start(folder.path, (call) => meddle(call));
  };
  const restart = () => {
    run.process.end();
    begin();
  };
  beforeEach(() => {
    folder = temporaryFolder();
    meddle = plain;
    begin();
    run.accept();
    run.journal.write([{ key: 'a', value: {} }]);
  });
  afterEach(() => {
    run.process.end();
    folder[Symbol.dispose]();
  });
  const failing =
    (errno: string, ...names: string[]): Meddle =>
    ({ name, proceed }) => {
      if (names.includes(name)) throw systemCallError(errno, name);
      return proceed();
    };

  for (const [errno, remedy] of [
    ['ENOSPC', 'its disk is full: free space, or inodes'],
    ['EDQUOT', 'the quota of its disk is used up'],
    ['EROFS', 'its file system is read-only: mount it writable'],
    ['EIO', "its disk fails: look at the kernel's log"],
    ['EFBIG', 'EFBIG: made to fail, writeSync'],
  ] as const) {
    it(`says where and why, and what a person can do (${errno})`, () => {
      meddle = failing(errno, 'writeSync');
      const error = refusal(run);
      expect(error.message).to.include(`the journal ${join(folder.path, 'journal')} cannot be written: ${remedy}`);
      expect(error.details).to.deep.equal({ file: join(folder.path, 'journal'), errno });
    });
  }

  it('cuts off what was half written, and is written again as soon as that is possible; the log tells both once', () => {
    const { size } = statSync(join(folder.path, 'journal'));
    meddle = full;
    for (let n = 0; n < 3; n += 1) refusal(run);
    expect(statSync(join(folder.path, 'journal')).size).to.equal(size);
    meddle = plain;
    run.journal.write([{ key: 'b', value: {} }]);
    expect(run.lines.filter((line) => line.includes('cannot be written'))).to.have.length(1);
    expect(run.lines.filter((line) => line.includes('can be written again'))).to.have.length(1);
    restart();
    expect(run.records()).to.have.keys('a', 'b');
  });

  it('is written anew when what was half written cannot be cut off', () => {
    meddle = (call) => (call.name === 'ftruncateSync' ? failing('EIO', call.name)(call) : full(call));
    refusal(run);
    meddle = plain;
    run.journal.write([{ key: 'b', value: {} }]);
    expect(run.process.open).to.equal(1);
    restart();
    expect(run.history.kind).to.equal('intact');
    expect(run.records()).to.have.keys('a', 'b');
  });

  it('keeps notes in bounded memory however long that lasts, and writes them all anew', () => {
    meddle = full;
    for (let n = 0; n < 4_500; n += 1) run.journal.note([{ key: `${n % 10}`, value: { n } }, { key: 'a' }]);
    expect(run.process.open, 'the file was given up').to.equal(0);
    refusal(run);
    meddle = plain;
    run.journal.write([]);
    restart();
    expect(run.history.kind).to.equal('intact');
    expect(run.records()).to.deep.equal(
      Object.fromEntries(Array.from({ length: 10 }, (_, n) => [n, { n: 4_490 + n }])),
    );
  });

  it('writes at its orderly end what was only noted', () => {
    meddle = full;
    run.journal.note([{ key: 'b', value: {} }]);
    meddle = plain;
    run.journal[Symbol.dispose]();
    restart();
    expect(run.records()).to.have.keys('a', 'b');
  });

  it('stays in its long file when there is no room for a shorter one, and goes on', () => {
    const long = () => statSync(join(folder.path, 'journal')).size;
    meddle = (call) => (call.name === 'renameSync' ? failing('ENOSPC', call.name)(call) : call.proceed());
    for (let n = 0; n < 9_500; n += 1) run.journal.write([{ key: 'a', value: { n } }]);
    const tries = run.lines.filter((line) => line.includes('no shorter file can take the place of the journal'));
    expect(tries).to.have.length(2);
    expect(readdirSync(folder.path)).to.deep.equal(['journal']);
    const before = long();
    meddle = plain;
    for (let n = 0; n < 4_000; n += 1) run.journal.write([{ key: 'a', value: { n } }]);
    expect(long()).to.be.below(before);
    restart();
    expect(run.records()).to.deep.equal({ a: { n: 3_999 } });
  });

  it('is written anew before it is long, however few and long its records are', () => {
    const text = 'x'.repeat(1_000_000);
    let longest = 0;
    for (let n = 0; n < 50; n += 1) {
      run.journal.write([{ key: 'a', value: { n, text } }]);
      longest = Math.max(longest, statSync(join(folder.path, 'journal')).size);
    }
    expect(longest).to.be.below(20 * 1024 * 1024);
    restart();
    expect(run.history.kind).to.equal('intact');
    expect(run.records()).to.deep.equal({ a: { n: 49, text } });
  });

  it('opens where a file has the name of its folder, and refuses every write', () => {
    writeFileSync(join(folder.path, 'file'), '');
    run.process.end();
    run = start(join(folder.path, 'file', 'state'));
    expect(run.history.kind).to.equal('damaged');
    expect(refusal(run).message).to.include('a part of its path is a file');
    expect(run.lines.filter((line) => line.startsWith('error'))).to.have.length(1);
  });
});

describe('a journal on a disk that is really full or read-only', () => {
  let disk: SmallDisk;
  let run: Run | undefined;
  before(function () {
    const reason = whyNoMounts();
    if (reason !== undefined) skipBecause(this, reason);
  });
  beforeEach(() => {
    disk = smallDisk(512);
  });
  afterEach(() => {
    run?.process.end();
    disk[Symbol.dispose]();
  });
  const begin = (folder = disk.path) => {
    run?.process.end();
    run = start(folder);
    return run;
  };
  const file = () => join(disk.path, 'journal');

  it('refuses writes while it is full, with nothing half written, and still takes notes', () => {
    const { journal, accept } = begin();
    accept();
    journal.write([{ key: 'a', value: large() }]);
    const { size } = statSync(file());
    {
      using _ = disk.fill();
      expect(refusal(run as Run).details).to.include({ errno: 'ENOSPC' });
      expect(statSync(file()).size).to.equal(size);
      journal.note([{ key: 'b', value: large() }, { key: 'a' }]);
    }
    journal.write([{ key: 'c', value: {} }]);
    const next = begin();
    expect(next.history.kind).to.equal('intact');
    expect(next.records()).to.have.keys('b', 'c');
  });

  it('opens where it is full from the start, and begins when there is room', () => {
    const { journal, history, lines } = (() => {
      using _ = disk.fill();
      const opened = begin();
      expect(refusal(opened).message).to.include('its disk is full');
      return opened;
    })();
    expect(history.kind).to.equal('fresh');
    expect(lines.filter((line) => line.startsWith('error'))).to.have.length(1);
    journal.write([{ key: 'a', value: large() }]);
    expect(begin().records()).to.have.keys('a');
  });

  it('opens read-only, with all its records; one line of the log says that nothing can be written', () => {
    begin().journal.write([{ key: 'a', value: {} }]);
    run?.process.end();
    disk.remount('ro');
    const opened = begin();
    expect(opened.records()).to.have.keys('a');
    for (let n = 0; n < 3; n += 1) expect(refusal(opened).message).to.include('its file system is read-only');
    opened.journal.note([{ key: 'b', value: {} }]);
    expect(opened.records()).to.have.keys('a', 'b');
    opened.accept();
    expect(opened.lines.filter((line) => line.startsWith('error'))).to.have.length(1);
    disk.remount('rw');
    opened.journal.write([{ key: 'c', value: {} }]);
    expect(begin().records()).to.have.keys('a', 'b', 'c');
  });

  it('opens where its folder is missing and cannot be made', () => {
    disk.remount('ro');
    const opened = begin(join(disk.path, 'state'));
    expect(opened.history.kind).to.equal('fresh');
    expect(refusal(opened).details).to.include({ errno: 'EROFS' });
  });

  it('cannot be made worse by a foreign file on a disk that is read-only: that one stays', () => {
    writeFileSync(file(), 'foreign');
    disk.remount('ro');
    const opened = begin();
    expect(opened.history.kind).to.equal('damaged');
    refusal(opened);
    expect(readFileSync(file(), 'utf8')).to.equal('foreign');
  });
});
