import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeBatch } from '../../src/journal/batch.js';
import { Contents } from '../../src/journal/contents.js';
import type { FileCalls } from '../../src/journal/file-calls.js';
import { encodeHeader, seedOf } from '../../src/journal/header.js';
import { type Found, readJournal } from '../../src/journal/read-journal.js';
import type { JournalChange } from '../../src/ports/journal.js';
import { temporaryFolder } from './folders.js';
import { start, thisBoot } from './running.js';

const header = encodeHeader(thisBoot, { kind: 'intact' });
const seed = seedOf(thisBoot);

/** Batches and the file that they make. */
class Sample {
  readonly batches: readonly (readonly JournalChange[])[];
  readonly bytes: Buffer;
  /** Where each batch ends; the first is where the header does. */
  readonly ends: readonly number[];

  constructor(batches: readonly (readonly JournalChange[])[]) {
    this.batches = batches;
    const parts = [header, ...batches.map((batch, index) => encodeBatch(seed, index + 1, batch))];
    this.bytes = Buffer.from(parts.join(''));
    let end = 0;
    this.ends = parts.map((part) => {
      end += Buffer.byteLength(part);
      return end;
    });
  }

  /** The records after so many batches. */
  after(count = this.batches.length): Map<string, unknown> {
    const contents = new Contents();
    for (const batch of this.batches.slice(0, count)) contents.apply(batch);
    return contents.records;
  }

  /** Every value that a key ever had. */
  everHad(key: string): unknown[] {
    return this.batches.flat().flatMap((change) => (change.key === key ? [change.value] : []));
  }
}

const entry = (id: number, state: string) => ({ key: `entry/${id}`, value: { id, state, args: { mtu: 1500 } } });
const life = new Sample([
  [entry(1, 'begun')],
  [entry(1, 'done')],
  [entry(2, 'begun'), { key: 'connection/ä', value: { expires: 1e12 } }],
  [{ key: 'entry/2' }],
  [entry(3, 'begun')],
  [entry(2, 'again'), { key: 'entry/3' }, entry(4, 'begun')],
]);

const change = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.option(fc.record({ n: fc.nat(), text: fc.string() })))
  .map(([key, value]): JournalChange => (value === null ? { key } : { key, value }));
const sample = fc
  .array(fc.array(change, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((batches) => new Sample(batches));

function read(bytes: Buffer): Found {
  const calls = {
    openSync: () => 3,
    closeSync: () => undefined,
    fstatSync: () => ({ isFile: () => true, size: bytes.length }),
    readFileSync: () => bytes,
  } as unknown as FileCalls;
  return readJournal({ calls, folder: '/state', file: '/state/journal', bootId: thisBoot });
}

describe('a journal that was cut off', () => {
  /** Holds the file's first bytes to the batches that are whole in them. */
  function expectWholeBatches(it: Sample, length: number): void {
    const whole = it.ends.filter((end) => end <= length).length - 1;
    const found = read(it.bytes.subarray(0, length));
    expect([...found.contents.records], `${length} bytes`).to.deep.equal([...it.after(whole)]);
    expect(found.history, `${length} bytes`).to.deep.equal({ kind: 'intact' });
    expect(found.resumable).to.include({ size: it.ends[whole], torn: length - (it.ends[whole] ?? 0), batches: whole });
  }

  it('at any byte is intact and as it was after the last whole batch: its writer was killed', () => {
    for (let length = header.length; length <= life.bytes.length; length += 1) expectWholeBatches(life, length);
  });

  it('is so for any batches', () => {
    const cut = fc.tuple(sample, fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(cut, ([it, share]) =>
        expectWholeBatches(it, header.length + Math.floor(share * (it.bytes.length - header.length))),
      ),
    );
  });

  it('within its first line is truncated: no writer ever leaves that', () => {
    for (let length = 1; length < header.length; length += 1) {
      const { history } = read(life.bytes.subarray(0, length));
      expect(history).to.include({ kind: 'damaged', what: 'it is truncated, within its first line' });
    }
  });
});

describe('a journal with a flipped bit', () => {
  /** What a reader would be misled by, undefined when nothing would mislead him. */
  function misleading(it: Sample, right: ReadonlyMap<string, unknown>, bit: number): string | undefined {
    const bytes = Buffer.from(it.bytes);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const { history, contents } = read(bytes);
    if (history.kind !== 'damaged') return `bit ${bit} was not noticed`;
    if (history.what.includes('missing')) return `bit ${bit}: ${history.what}`;
    for (const [key, value] of contents.records) {
      if (JSON.stringify(value) !== JSON.stringify(right.get(key))) return `bit ${bit}: ${key} is wrong`;
    }
    const gone = [...right.keys()].find((key) => !contents.records.has(key) && !history.lost.has(key));
    return gone === undefined ? undefined : `bit ${bit}: ${gone} is missing`;
  }

  it('says so whichever bit it is, has no wrong value, and names the keys that it lost', () => {
    const right = life.after();
    for (let bit = 0; bit < life.bytes.length * 8; bit += 1) {
      const problem = misleading(life, right, bit);
      if (problem !== undefined) throw new Error(problem);
    }
  });

  it('is so for any batches', () => {
    const flip = fc.tuple(sample, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }));
    fc.assert(
      fc.property(flip, ([it, share]) => {
        expect(misleading(it, it.after(), Math.floor(share * it.bytes.length * 8))).to.equal(undefined);
      }),
    );
  });

  it('loses one batch at most: those before and after it are used', () => {
    const at = life.ends[1] ?? 0;
    const bytes = Buffer.from(life.bytes);
    const flipped = bytes.indexOf('done', at);
    bytes[flipped] = 'D'.charCodeAt(0);
    const { history, contents } = read(bytes);
    const line = bytes.lastIndexOf('\n', flipped) + 1;
    const lost = new Map([['entry/1', entry(1, 'begun').value]]);
    expect(history).to.deep.equal({ kind: 'damaged', what: `records are damaged at offset ${line}`, lost });
    const right = life.after();
    right.delete('entry/1');
    expect(contents.records).to.deep.equal(right);
  });

  it('in its first line has all its records: they prove themselves to be of this boot', () => {
    for (let bit = 0; bit < header.length * 8; bit += 1) {
      const bytes = Buffer.from(life.bytes);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { history, contents } = read(bytes);
      expect(history).to.include({ kind: 'damaged', what: 'its first line is damaged' });
      expect(contents.records).to.deep.equal(life.after());
    }
  });
});

describe('a journal with worse damage', () => {
  const spot = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), length: fc.nat(200) });
  const harm = fc.oneof(
    fc.record({ kind: fc.constant('zeroed' as const), spot }),
    fc.record({ kind: fc.constant('removed' as const), spot }),
    fc.record({ kind: fc.constant('doubled' as const), spot }),
    fc.record({ kind: fc.constant('inserted' as const), spot, text: fc.uint8Array({ maxLength: 40 }) }),
  );

  function harmed(bytes: Buffer, it: typeof harm extends fc.Arbitrary<infer T> ? T : never): Buffer {
    const from = header.length + Math.floor(it.spot.at * (bytes.length - header.length));
    const to = Math.min(bytes.length, from + it.spot.length);
    const part = bytes.subarray(from, to);
    const middle = {
      zeroed: () => [Buffer.alloc(part.length)],
      removed: () => [],
      doubled: () => [part, part],
      inserted: () => ['text' in it ? it.text : part, part],
    }[it.kind]();
    return Buffer.concat([bytes.subarray(0, from), ...middle, bytes.subarray(to)]);
  }

  it('never has a value that its key never had, whatever was done to it', () => {
    fc.assert(
      fc.property(sample, fc.array(harm, { minLength: 1, maxLength: 3 }), (it, harms) => {
        const { contents } = read(harms.reduce(harmed, it.bytes));
        for (const [key, value] of contents.records) expect(it.everHad(key)).to.deep.include(value);
      }),
      { numRuns: 500 },
    );
  });

  it('opens whatever was done to it, can be written, and tells of the damage until that is accepted', () => {
    fc.assert(
      fc.property(sample, fc.array(harm, { minLength: 1, maxLength: 3 }), (it, harms) => {
        using folder = temporaryFolder();
        const bytes = harms.reduce(harmed, it.bytes);
        writeFileSync(join(folder.path, 'journal'), bytes);
        const run = start(folder.path);
        run.journal.write([{ key: 'new', value: {} }]);
        const expected = [...run.journal.records()];
        run.process.end();
        const next = start(folder.path);
        next.process.end();
        expect([...next.journal.records()]).to.deep.equal(expected);
        expect(next.history).to.deep.equal(run.history);
      }),
    );
  });

  it('says that records may be out of date when it cannot know what is missing', () => {
    const bytes = Buffer.from(life.bytes);
    bytes.fill(0, life.ends[2], life.ends[4]);
    const { history, contents } = read(bytes);
    expect(history)
      .to.have.property('what')
      .that.matches(/damaged at offset \d+; records are missing before offset \d+: older ones may be out of date/);
    expect([...contents.records.keys()]).to.deep.equal(['entry/1', 'entry/2', 'entry/4']);
  });

  it('says the same when what is damaged is the end', () => {
    const bytes = Buffer.from(life.bytes);
    bytes.fill('x', life.ends[5]);
    const { history, contents } = read(bytes);
    expect(history).to.have.property('what').that.includes('older ones may be out of date');
    expect(contents.records).to.deep.equal(life.after(5));
  });

  it('goes on behind an announced batch, whatever stands in its place', () => {
    const second = life.bytes.indexOf('\n', life.ends[2]) + 1;
    for (const filling of ['\n', 'x', '\0']) {
      const bytes = Buffer.from(life.bytes);
      bytes.fill(filling, second, life.ends[3]);
      const { history, contents } = read(bytes);
      expect(history).to.have.property('what', `records are damaged at offset ${second}`);
      expect([...contents.records.keys()]).to.deep.equal(['entry/1', 'entry/2', 'entry/4']);
      expect(contents.lost).to.have.keys('connection/ä');
    }
  });

  it('names five places at most', () => {
    const bytes = Buffer.from(life.bytes);
    for (const end of life.ends.slice(0, -1)) bytes[end] = 0;
    const { history } = read(bytes);
    expect(history)
      .to.have.property('what')
      .that.matches(/at offset (\d+, ){4}\d+ and 1 more$/);
  });
});
