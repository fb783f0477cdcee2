import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastTotals, oneSkipped, oneTest, withEnd } from '../totals.mjs';
import { boot } from './boot.mjs';
import { ensureMachine } from './ensure-machine.mjs';
import { packTests } from './pack-tests.mjs';

/** For how many minutes at most, booting included. */
const forms = { long: 30, short: 14 };

/**
 * Runs the tests of test/vm on an emulated machine with SR-IOV cards. Needs no hardware, no KVM and no root.
 *
 * @param {string} root
 * @param {keyof typeof forms} form
 * @param {readonly string[]} suites Names of tests below test/vm (`restart`), where not all are wanted.
 * @returns {Promise<import('../totals.mjs').Totals>}
 */
export async function testInMachine(root, form, suites) {
  const built = await ensureMachine();
  if (built === undefined) return oneTest(false);
  if ('why' in built) {
    console.log(`skipped: ${built.why}`);
    return oneSkipped;
  }
  const machine = built.folder;
  const work = mkdtempSync(join(tmpdir(), 'machine-'));
  try {
    const minutes = forms[form];
    const command = `CHAOS=${form} exec node tools/vm/in-machine.mjs ${minutes - 1} ${suites.join(' ')}`;
    const disk = await packTests({ root, machine, work, command });
    if (disk === undefined) return oneTest(false);
    const { output, endedWell } = await boot({ machine, disk, work, minutes });
    return withEnd(lastTotals(output), endedWell);
  } finally {
    rmSync(work, { recursive: true });
  }
}
