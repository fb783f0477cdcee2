import { run } from './child.mjs';
import { formatTotals, lastTotals, oneTest, sum, withEnd } from './totals.mjs';

/** Longer than what commands inside a lane get, so that those can still end theirs. */
const graceSeconds = 40;

/** @param {import('./lanes.mjs').Lane} lane */
async function runLane(lane) {
  console.log(`\n=== ${lane.name}: ${lane.command.join(' ')}`);
  const started = performance.now();
  const { status, tookTooLong, output } = await run(lane.command, {
    minutes: lane.minutes,
    graceSeconds,
    keepOutput: true,
  });
  const totals = lane.single ? oneTest(status === 0) : withEnd(lastTotals(output), status === 0);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const note = `${seconds} s${tookTooLong ? ', over its time' : ''}`;
  return { name: lane.name, totals, note, failures: output.match(/^ {2}failed: .*$/gm) ?? [] };
}

/**
 * Runs lanes one after the other, whatever becomes of each, and lists them at the end with the tests that failed, as the
 * reporter of tools/mocha-reporter.cjs names them: of a long log the end is what people see first.
 *
 * @param {readonly import('./lanes.mjs').Lane[]} lanes
 * @returns {Promise<import('./totals.mjs').Totals>} the sum
 */
export async function runLanes(lanes) {
  const results = [];
  for (const lane of lanes) results.push(await runLane(lane));
  console.log('\n=== all lanes');
  for (const { name, totals, note, failures } of results) {
    console.log([`${formatTotals(totals)}: ${name} (${note})`, ...failures].join('\n'));
  }
  return sum(results.map(({ totals }) => totals));
}
