/**
 * What the emulated machine runs: the compiled tests of test/vm. Ends with totals. Its arguments are the time limit, minutes,
 * and which tests, where not all are wanted.
 */
import { runMocha } from '../mocha.mjs';
import { formatTotals } from '../totals.mjs';

const [minutes, ...suites] = process.argv.slice(2);
const named = suites.map((suite) => `test/vm/${suite}.vm.js`);
/** Killing daemons again and again takes minutes here. */
const short = ['test/vm/**/*.vm.js', '--ignore', 'test/vm/restart.vm.js'];
const all = process.env.CHAOS === 'long' ? short.slice(0, 1) : short;
const args = ['--no-config', '--timeout', '60000', ...(named.length > 0 ? named : all)];
const totals = await runMocha({ root: process.cwd(), node: process.execPath, args, minutes: Number(minutes) });
console.log(`\n${formatTotals(totals)}`);
if (totals.failed > 0) process.exitCode = 1;
