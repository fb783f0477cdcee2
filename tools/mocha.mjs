import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { run } from './child.mjs';
import { withEnd } from './totals.mjs';

/**
 * Runs mocha on test files under the given Node.
 *
 * @param {{ root: string, node: string, args: readonly string[], minutes: number }} what
 * @returns {Promise<import('./totals.mjs').Totals>}
 */
export async function runMocha({ root, node, args, minutes }) {
  const folder = mkdtempSync(join(tmpdir(), 'totals-'));
  const file = join(folder, 'totals.json');
  try {
    const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
    const reporter = ['--reporter', join(root, 'tools/mocha-reporter.cjs'), '--reporter-option', `totals=${file}`];
    const { status } = await run([node, mocha, ...reporter, ...args], {
      minutes,
      // Programs that tests start by name get the same Node.
      env: { PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` },
    });
    return withEnd(read(file), status === 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // Mocha never got as far as its end, for example because a test file does not load.
    return undefined;
  }
}
