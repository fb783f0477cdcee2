import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));

function report(tests: string): { totals: unknown; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'reporter-'));
  try {
    const helper = JSON.stringify(join(root, 'test/skip-because.ts'));
    writeFileSync(join(folder, 'sample.test.mts'), `import { skipBecause } from ${helper};\n${tests}`);
    const totals = join(folder, 'totals.json');
    const args = ['--reporter', 'tools/mocha-reporter.cjs', '--reporter-option', `totals=${totals}`];
    const mocha = ['node_modules/mocha/bin/mocha.js', ...args, join(folder, 'sample.test.mts')];
    const { stdout } = spawnSync(process.execPath, mocha, { cwd: root, encoding: 'utf8' });
    return { totals: JSON.parse(readFileSync(totals, 'utf8')), output: stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the report of the tests', () => {
  let totals: unknown;
  let output: string;
  before(() => {
    ({ totals, output } = report(`
    describe('plain', () => {
      it('passes', () => {});
      it('fails', () => { throw new Error('on purpose'); });
      it('skips', function () { skipBecause(this, 'no VF'); });
      it('skips silently', function () { this.skip(); });
    });
    describe('suite', () => {
      before(function () { skipBecause(this, 'not root'); });
      it('a', () => {});
      it('b', () => {});
    });
  `));
  });

  it('prints the reason of each skip, also when a hook skipped the whole suite', () => {
    expect(output).to.include('skipped: plain skips: no VF');
    expect(output).to.include('skipped: suite a: not root').and.to.include('skipped: suite b: not root');
  });

  it('names each failed test and what went wrong once more at the end', () => {
    expect(output).to.match(/^ {2}failed: plain fails: on purpose$/m);
  });

  it('counts a skip without a reason as failed', () => {
    expect(output).to.include('skipped: plain skips silently: NO REASON GIVEN');
    expect(totals).to.deep.equal({ passed: 1, failed: 2, skipped: 3 });
  });
});
