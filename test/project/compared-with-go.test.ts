import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { skipBecause } from '../skip-because.js';
import { completed, isAmong, parseRows, provingTests } from './comparison.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const file = `${root}docs/compared-with-go.md`;
const tests = provingTests(root);
if (process.env['UPDATE_DOCS'] !== undefined) writeFileSync(file, completed(readFileSync(file, 'utf8'), tests));
const rows = parseRows(readFileSync(file, 'utf8'));

/** What a defect's last cell says while no test shows it refuted. */
const owed = 'no test yet';
const reasons = [owed, 'to come', 'elsewhere'];

function numbered(letter: string, ...numbers: (number | readonly [first: number, last: number])[]): string[] {
  return numbers.flatMap((it) => {
    const [first, last] = typeof it === 'number' ? [it, it] : it;
    return Array.from({ length: last - first + 1 }, (_, i) => `${letter}${first + i}`);
  });
}

/** Defects in what this program has: claims, tokens of pods, and the mechanisms. */
const present = [
  ...numbered('B', [1, 4], [7, 33], 35, 36),
  ...numbered('S', [1, 4]),
  ...numbered('L', [1, 7], 13),
  ...numbered('R', 3),
  ...numbered('P', [1, 8]),
  ...numbered('K', [1, 5]),
  ...numbered('F', [1, 5]),
  ...numbered('C', [1, 6]),
];

const all = [
  ...numbered('B', [1, 17]),
  'B17b',
  ...numbered('B', [18, 36]),
  ...numbered('S', [1, 8]),
  ...numbered('L', [1, 13]),
  ...numbered('R', [1, 5]),
  ...numbered('H', [1, 3]),
  ...numbered('P', [1, 8]),
  ...numbered('F', [1, 6]),
  ...numbered('A', [1, 2]),
  ...numbered('T', 1),
  ...numbered('K', [1, 5]),
  ...numbered('N', [1, 4]),
  ...numbered('O', [1, 4]),
  ...numbered('C', [1, 7]),
];

describe('docs/compared-with-go.md', () => {
  it('lists every defect once', () => {
    expect(rows.map((row) => row.id)).to.have.members(all);
    expect(new Set(rows.map((row) => row.id)).size).to.equal(rows.length);
  });

  it('names only tests that exist and carry the number (UPDATE_DOCS=1 completes the page)', () => {
    const gone = rows.flatMap(({ id, named }) =>
      named.filter((it) => !isAmong(tests, it, id)).map((it) => `${id}: ${it.file}: ${it.title}`),
    );
    expect(gone).to.deep.equal([]);
  });

  it('names a test for every defect that one refutes, and for the others says why not', () => {
    const refuted = new Set(tests.flatMap(({ ids }) => ids));
    expect(rows.filter(({ id, named }) => refuted.has(id) && named.length === 0).map(({ id }) => id)).to.deep.equal([]);
    for (const { id, shown, named } of rows) if (named.length === 0) expect(reasons, id).to.include(shown);
  });

  it('knows every number that a test title carries', () => {
    expect(all).to.include.members(tests.flatMap(({ ids }) => ids));
  });

  it('names a test for every defect in what this program has', function () {
    const mine = rows.filter(({ id }) => present.includes(id));
    expect(mine.filter(({ shown }) => reasons.includes(shown) && shown !== owed)).to.deep.equal([]);
    const missing = mine.filter(({ shown }) => shown === owed).map(({ id }) => id);
    if (missing.length > 0) skipBecause(this, `no test yet: ${missing.join(', ')}`);
  });
});
