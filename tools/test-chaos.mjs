import { ensureBuild } from './ensure-build.mjs';
import { ensureDebianPackages } from './ensure-debian-packages.mjs';
import { runMocha } from './mocha.mjs';
import { oneTest } from './totals.mjs';

/** Which tests, for how long at most. The short form of crash points is among the ordinary tests. */
const forms = {
  long: { args: ['test/chaos/**/*.{test,chaos}.ts'], minutes: 120 },
  short: { args: ['test/chaos/*.chaos.ts', '--ignore', 'test/chaos/crash-points.chaos.ts'], minutes: 5 },
};

/**
 * Runs the tests of test/chaos: what is left of the daemon when it ends at any instant. CHAOS_SEED repeats an earlier run.
 *
 * @param {string} root
 * @param {keyof typeof forms} form
 * @returns {Promise<import('./totals.mjs').Totals>}
 */
export async function testChaos(root, form) {
  await ensureDebianPackages();
  if (!(await ensureBuild(root))) return oneTest(false);
  process.env.CHAOS = form;
  return runMocha({ root, node: process.execPath, ...forms[form] });
}
