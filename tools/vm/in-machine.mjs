/**
 * What the emulated machine runs: the compiled tests of test/vm. Ends with totals. Its arguments are the time limit, minutes,
 * and which tests, where not all are wanted.
 */
import { runMocha } from '../mocha.mjs';
import { formatTotals } from '../totals.mjs';

const [minutes, ...suites] = process.argv.slice(2);
const files = suites.length > 0 ? suites.map((suite) => `test/vm/${suite}.vm.js`) : ['test/vm/**/*.vm.js'];
const args = ['--no-config', '--timeout', '60000', ...files];
const totals = await runMocha({ root: process.cwd(), node: process.execPath, args, minutes: Number(minutes) });
console.log(`\n${formatTotals(totals)}`);
if (totals.failed > 0) process.exitCode = 1;
