import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import { type TestFolder, temporaryFolder } from './folders.js';
import { systemCallError } from './process-calls.js';
import { type Run, start, thisBoot } from './running.js';

describe('the history of a journal', () => {
  let folder: TestFolder;
  let file: string;
  beforeEach(() => {
    folder = temporaryFolder();
    file = join(folder.path, 'journal');
  });
  let runs: Run[] = [];
  afterEach(() => {
    runs.forEach(kill);
    runs = [];
    folder[Symbol.dispose]();
  });

  const begin = (...args: Parameters<typeof start>) => {
    const run = start(...args);
    runs.push(run);
    return run;
  };
  const kill = (run: Run) => run.process.end();
  /** Leaves an accepted journal with records `a`, `b` and `c` behind, each written twice. */
  const leaveJournal = (bootId = thisBoot) => {
    const run = begin(folder.path, undefined, bootId);
    run.accept();
    for (const n of [1, 2]) for (const key of ['a', 'b', 'c']) run.journal.write([{ key, value: { n, key } }]);
    kill(run);
  };
  const whatOf = ({ history }: Run) => ('what' in history ? history.what : '');

  it('is fresh where there was nothing; folder and file are for root alone', () => {
    const state = join(folder.path, 'deep', 'state');
    const run = begin(state);
    run.journal.write([{ key: 'a', value: {} }]);
    expect(run.history).to.deep.equal({ kind: 'fresh' });
    expect(run.lines[0]).to.include('info there was no journal, a new one begins');
    expect(statSync(state).mode & 0o777).to.equal(0o700);
    expect(statSync(join(state, 'journal')).mode & 0o777).to.equal(0o600);
    kill(run);
  });

  it('is intact after any end of the process, once it was accepted', () => {
    leaveJournal();
    const run = begin(folder.path);
    expect(run.history).to.deep.equal({ kind: 'intact' });
    expect(run.records()).to.have.keys('a', 'b', 'c');
    expect(run.process.open).to.equal(1);
    run.journal[Symbol.dispose]();
    run.journal[Symbol.dispose]();
    expect(run.process.open).to.equal(0);
    expect(() => run.journal.write([{ key: 'd', value: {} }])).to.throw('it is closed');
  });

  it('is intact after a batch that was torn by the end of its process, which is cut off', () => {
    leaveJournal();
    const { size } = statSync(file);
    appendFileSync(file, '01234567 keys 0000');
    const run = begin(folder.path);
    expect(run.history.kind).to.equal('intact');
    expect(run.lines[0]).to.include('"tornBytes":18');
    expect(statSync(file).size).to.equal(size);
    run.journal.write([{ key: 'd', value: {} }]);
    kill(run);
    expect(begin(folder.path).records()).to.have.keys('a', 'b', 'c', 'd');
  });

  it('is voided by another boot: nothing of it is left, and the log says so', () => {
    leaveJournal('another boot');
    const run = begin(folder.path);
    expect(run.history).to.deep.equal({
      kind: 'voided',
      what: `its records are of boot another boot, this is boot ${thisBoot}`,
    });
    expect(run.lines[0]).to.include('info the journal is void, a new one begins: its records are of boot another boot');
    expect(run.records()).to.deep.equal({});
    expect(readdirSync(folder.path)).to.deep.equal(['journal']);
    kill(run);
  });

  const asides: [string, (bytes: Buffer) => Buffer, string, string[]][] = [
    ['an empty file', () => Buffer.of(), 'it is empty', []],
    ['a truncated first line', (bytes) => bytes.subarray(0, 30), 'it is truncated, within its first line', []],
    ['a foreign file', () => Buffer.from('{"not":"ours"}\n'), 'it is a foreign file', ['journal.foreign']],
    ['zeros', (bytes) => Buffer.alloc(bytes.length), 'it is a foreign file', ['journal.foreign']],
    [
      'a newer version',
      () => Buffer.from('forwarder-sriov journal 12\nanything'),
      'a newer forwarder has written it, in version 12',
      ['journal.version-12'],
    ],
    [
      'nothing but damage behind a title',
      (bytes) => Buffer.from(bytes.toString('latin1').replaceAll(/[0-9]{2}/g, 'zz'), 'latin1'),
      'none of its lines has the right checksum, nor has the first',
      ['journal.damaged'],
    ],
  ];
  for (const [title, harm, what, kept] of asides) {
    it(`is damaged by ${title}: a new one begins${kept.length > 0 ? `, the old one is kept as ${kept[0]}` : ''}`, () => {
      leaveJournal();
      const harmed = harm(readFileSync(file));
      writeFileSync(file, harmed);
      const run = begin(folder.path);
      expect(run.history).to.include({ kind: 'damaged' });
      expect(whatOf(run)).to.include(what);
      expect(run.lines[0]).to.include(`warn the journal is damaged: ${what}`);
      expect(run.records()).to.deep.equal({});
      run.accept();
      run.journal.write([{ key: 'new', value: {} }]);
      kill(run);
      expect(readdirSync(folder.path)).to.have.members(['journal', ...kept]);
      for (const name of kept) expect(readFileSync(join(folder.path, name))).to.deep.equal(harmed);
      expect(begin(folder.path)).to.have.nested.include({ 'history.kind': 'intact' });
    });
  }

  it('never takes the place of a file that is kept already', () => {
    for (const n of [1, 2, 3]) {
      writeFileSync(file, `foreign ${n}`);
      kill(begin(folder.path));
    }
    const texts = ['journal.foreign', 'journal.foreign-2', 'journal.foreign-3'].map((name) =>
      readFileSync(join(folder.path, name), 'utf8'),
    );
    expect(texts).to.deep.equal(['foreign 1', 'foreign 2', 'foreign 3']);
  });

  it('keeps a file once, however often a new one cannot take its place, and where it can have one name only', () => {
    writeFileSync(file, 'foreign');
    let failing = true;
    const run = begin(folder.path, ({ name, args, proceed }) => {
      if (name === 'linkSync') throw systemCallError('EPERM', name);
      if (failing && name === 'renameSync' && args[1] === file) throw systemCallError('EIO', name);
      return proceed();
    });
    for (let n = 0; n < 3; n += 1) expect(() => run.journal.write([{ key: 'a', value: {} }])).to.throw('EIO');
    failing = false;
    run.journal.write([{ key: 'a', value: {} }]);
    expect(readdirSync(folder.path)).to.have.members(['journal', 'journal.foreign']);
  });

  const obstacles: [string, () => void][] = [
    ['a folder', () => mkdirSync(file)],
    ['a link', () => symlinkSync('/dev/null', file)],
    ['a pipe', () => expect(spawnSync('mkfifo', [file]).status).to.equal(0)],
  ];
  for (const [title, put] of obstacles) {
    it(`is damaged by ${title} in the place of the file, which is kept`, () => {
      put();
      const run = begin(folder.path);
      expect(whatOf(run)).to.include('it cannot be read');
      run.journal.write([{ key: 'a', value: {} }]);
      kill(run);
      expect(readdirSync(folder.path)).to.have.members(['journal', 'journal.unreadable']);
      expect(begin(folder.path).records()).to.have.keys('a');
    });
  }

  it('is damaged by a disk that fails to read', () => {
    leaveJournal();
    const run = begin(folder.path, ({ name, proceed }) => {
      if (name === 'readFileSync') throw systemCallError('EIO', name);
      return proceed();
    });
    expect(whatOf(run)).to.include('it cannot be read: EIO');
    expect(readdirSync(folder.path)).to.have.members(['journal', 'journal.unreadable']);
    kill(run);
  });

  it('is not judged when only this process lacks something: it does not open', () => {
    leaveJournal();
    const open = () =>
      begin(folder.path, ({ name, proceed }) => {
        if (name === 'openSync') throw systemCallError('EMFILE', name);
        return proceed();
      });
    expect(open).to.throw(ForwarderError, 'EMFILE').with.property('kind', 'exhausted');
    expect(readdirSync(folder.path)).to.deep.equal(['journal']);
  });

  describe('that nobody has accepted', () => {
    /** Damages one of the two changes of `b`, in the middle. */
    const damage = () => {
      const bytes = readFileSync(file);
      bytes[bytes.indexOf('{"n":2,"key":"b"}') + 2] = 0;
      writeFileSync(file, bytes);
      return bytes;
    };

    it('is told again by the next start, and by every one until then', () => {
      for (const expected of ['fresh', 'fresh', 'intact']) {
        const run = begin(folder.path);
        expect(run.history.kind).to.equal(expected);
        run.journal.write([{ key: expected, value: {} }]);
        if (expected === 'fresh' && run.records()['twice'] !== undefined) run.accept();
        run.journal.write([{ key: 'twice', value: {} }]);
        kill(run);
      }
    });

    it('keeps what is damaged for a person to look at, and the lost keys with what they were before', () => {
      leaveJournal();
      const damaged = damage();
      for (let n = 0; n < 3; n += 1) {
        const run = begin(folder.path);
        expect(run.history).to.have.property('kind', 'damaged');
        expect(run.history)
          .to.have.property('lost')
          .that.deep.equals(new Map([['b', { n: 1, key: 'b' }]]));
        expect(run.records()).to.have.keys('a', 'c');
        kill(run);
      }
      expect(readFileSync(join(folder.path, 'journal.damaged'))).to.deep.equal(damaged);
    });

    it('outlives any number of changes, but for lost keys that are written', () => {
      leaveJournal();
      damage();
      const run = begin(folder.path);
      for (let n = 0; n < 5000; n += 1) run.journal.write([{ key: 'a', value: { n } }]);
      kill(run);
      const next = begin(folder.path);
      expect(next.history).to.have.property('lost').that.has.keys('b');
      next.journal.write([{ key: 'b' }]);
      kill(next);
      expect(begin(folder.path).history).to.have.property('lost').that.deep.equals(new Map());
    });

    it('adds up with new damage', () => {
      leaveJournal();
      damage();
      const run = begin(folder.path);
      run.journal.write([{ key: 'd', value: {} }]);
      run.journal.write([{ key: 'e', value: {} }]);
      kill(run);
      const bytes = readFileSync(file);
      bytes[bytes.indexOf('[["d"')] = 0;
      writeFileSync(file, bytes);
      const next = begin(folder.path);
      expect(whatOf(next)).to.match(/^records are damaged at offset \d+; earlier: records are damaged at offset \d+$/);
      expect(next.history).to.have.property('lost').that.has.keys('b', 'd');
      expect(next.records()).to.have.keys('a', 'c', 'e');
      next.accept();
      kill(next);
      const last = begin(folder.path);
      expect(last.history.kind).to.equal('intact');
      expect(last.records()).to.have.keys('a', 'c', 'e');
    });
  });

  it('is soon that of the memory again when somebody removes, cuts or lengthens the file', () => {
    leaveJournal();
    const run = begin(folder.path);
    const harms = [
      () => rmSync(file),
      () => rmSync(folder.path, { recursive: true }),
      () => writeFileSync(file, readFileSync(file).subarray(0, 100)),
      () => appendFileSync(file, 'x'),
    ];
    for (const [n, harm] of harms.entries()) {
      harm();
      for (let i = 0; i < 16; i += 1) run.journal.write([{ key: `d${n}`, value: { i } }]);
    }
    expect(run.lines.filter((line) => line.includes('the journal is not as it was written, or gone'))).to.have.length(
      4,
    );
    expect(run.process.open).to.equal(1);
    kill(run);
    const next = begin(folder.path);
    expect(next.history.kind).to.equal('intact');
    expect(next.records()).to.have.keys('a', 'b', 'c', 'd0', 'd1', 'd2', 'd3');
  });
});
