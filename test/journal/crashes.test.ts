import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Contents } from '../../src/journal/contents.js';
import type { JournalChange } from '../../src/ports/journal.js';
import { until } from '../pci/until.js';
import { type TestFolder, temporaryFolder } from './folders.js';
import type { Meddle } from './process-calls.js';
import { type Run, start, thisBoot } from './running.js';

/** When a process is killed: before a call, after it, or when a write has taken half of its bytes. */
const instants = ['before', 'half', 'after'] as const;

/** What a process does with its journal; it is over as soon as `step` says so. */
type Story = (run: Run, step: (changes: readonly JournalChange[]) => void) => void;

interface Scene {
  /** What the process finds in its folder. */
  readonly prepare: (folder: string) => void;
  readonly records: readonly JournalChange[];
  readonly story: Story;
  /** Holds what the killed process left to what it found; `run` is its successor. */
  readonly check: (run: Run, folder: string) => void;
}

const hundreds = (n: number): JournalChange[] =>
  Array.from({ length: 400 }, (_, i) => ({ key: `entry/${(n + i) % 30}`, ...(i % 7 !== 0 && { value: { n, i } }) }));
const records: JournalChange[] = ['a', 'b', 'c'].map((key) => ({ key, value: { key } }));

/** Leaves an accepted journal with the records behind, a batch each. */
function leaveJournal(folder: string, bootId = thisBoot): Buffer {
  const run = start(folder, undefined, bootId);
  run.accept();
  for (const record of records) run.journal.write([record]);
  run.process.end();
  return readFileSync(join(folder, 'journal'));
}

const fewWrites: Story = (run, step) => {
  step([{ key: 'd', value: {} }]);
  run.accept();
  step([{ key: 'a' }]);
};
const intact = ({ history }: Run) => expect(history).to.deep.equal({ kind: 'intact' });
/** The history is told until it was accepted, whichever of the two starts was to tell it. */
const toldOrAccepted =
  (...kinds: string[]) =>
  (run: Run) =>
    expect([...kinds, 'intact']).to.include(run.history.kind);

const scenes: Readonly<Record<string, Scene>> = {
  'writes more and more, and compacts': {
    prepare: leaveJournal,
    records,
    story: (_, step) => {
      for (let n = 0; n < 25; n += 1) step(hundreds(n));
    },
    check: intact,
  },
  begins: {
    prepare: () => undefined,
    records: [],
    story: fewWrites,
    check: toldOrAccepted('fresh'),
  },
  'goes on after a torn batch': {
    prepare: (folder) => {
      leaveJournal(folder);
      appendFileSync(join(folder, 'journal'), '01234567 ke');
    },
    records,
    story: fewWrites,
    check: intact,
  },
  'goes on after damage': {
    prepare: (folder) => {
      const bytes = leaveJournal(folder);
      bytes[bytes.indexOf('[["b"')] = 0;
      writeFileSync(join(folder, 'journal'), bytes);
    },
    records: records.filter(({ key }) => key !== 'b'),
    story: fewWrites,
    check: toldOrAccepted('damaged'),
  },
  'begins anew in another boot': {
    prepare: (folder) => leaveJournal(folder, 'another boot'),
    records: [],
    story: fewWrites,
    check: toldOrAccepted('voided'),
  },
  'begins beside a foreign file': {
    prepare: (folder) => writeFileSync(join(folder, 'journal'), 'foreign'),
    records: [],
    story: fewWrites,
    check: (run, folder) => {
      toldOrAccepted('damaged', 'fresh')(run);
      const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
      expect(texts).to.include('foreign');
    },
  },
};

/** Kills the process at its n-th call. */
function killAt(n: number, instant: (typeof instants)[number]): Meddle {
  let calls = 0;
  return ({ name, args, proceed, end }) => {
    calls += 1;
    if (calls !== n) return proceed();
    if (instant === 'after') proceed();
    const [fd, bytes] = args as [number, Buffer];
    if (instant === 'half' && name === 'writeSync') writeSync(fd, bytes, 0, bytes.length >> 1);
    end();
    throw new Error('killed');
  };
}

interface Outcome {
  readonly calls: number;
  /** Records after the last change that was made, and after the one that was under way. */
  readonly possible: readonly string[];
}

function play({ records: found, story }: Scene, folder: string, meddle?: Meddle): Outcome {
  let made = new Contents().with(found);
  let begun = made;
  const run = start(folder, meddle);
  const lives = () => run.process.alive;
  const step = (changes: readonly JournalChange[]) => {
    if (!lives()) return;
    begun = made.with(changes);
    try {
      run.journal.write(changes);
      made = begun;
    } catch (error) {
      if (lives()) throw error;
    }
  };
  story(run, step);
  run.process.end();
  return { calls: run.process.names.length, possible: [made, begun].map((it) => JSON.stringify([...it.records])) };
}

describe('a process that is killed at any system call', () => {
  let folder: TestFolder;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder[Symbol.dispose]());

  for (const [title, scene] of Object.entries(scenes)) {
    it(`while its journal ${title} loses nothing`, () => {
      const inFolder = (name: string) => {
        const path = join(folder.path, name);
        start(path).process.end();
        scene.prepare(path);
        return path;
      };
      const { calls } = play(scene, inFolder('whole'));
      for (let n = 1; n <= calls; n += 1) {
        for (const instant of instants) {
          const path = inFolder(`${n}-${instant}`);
          const { possible } = play(scene, path, killAt(n, instant));
          const successor = start(path);
          expect(possible, `killed ${instant} call ${n}`).to.include(JSON.stringify([...successor.journal.records()]));
          scene.check(successor, path);
          expect(readdirSync(path)).not.to.include('journal.new');
          successor.process.end();
        }
      }
    }).timeout(30_000);
  }
});

describe('a process that is really killed', () => {
  let folder: TestFolder;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder[Symbol.dispose]());

  it('has everything on record that it had said so of, and at most one change more', async () => {
    const said = join(folder.path, 'said');
    for (const more of [1, 1_500, 4_000]) {
      const before = lastNumber(said);
      const child = spawn(process.execPath, ['--import', 'tsx', program, folder.path, thisBoot, said]);
      const exit = once(child, 'exit');
      await until(() => lastNumber(said) >= before + more || child.exitCode !== null);
      child.kill('SIGKILL');
      expect(await exit).to.deep.equal([null, 'SIGKILL']);
      const last = lastNumber(said);
      const run = start(folder.path);
      const { n } = run.records()['newest'] as { n: number };
      expect(n === last || n === last + 1, `${last} was said, ${n} is on record`).to.equal(true);
      expect(run.records()[`entry/${n % 50}`]).to.deep.equal({ n });
      expect(run.history.kind).to.equal('intact');
      run.process.end();
    }
  }).timeout(30_000);
});

const program = fileURLToPath(new URL('counting-process.ts', import.meta.url));

/** The last number of a file of lines; -1 when there is none. */
function lastNumber(file: string): number {
  if (!existsSync(file)) return -1;
  return Number(readFileSync(file, 'latin1').split('\n').at(-2) ?? -1);
}
