/** What the emulated machine runs: the compiled tests of test/vm. Ends with totals. */
import { runMocha } from '../mocha.mjs';
import { formatTotals } from '../totals.mjs';

const args = ['--no-config', '--timeout', '60000', 'test/vm/**/*.vm.js'];
const totals = await runMocha({ root: process.cwd(), node: process.execPath, args, minutes: 5 });
console.log(`\n${formatTotals(totals)}`);
if (totals.failed > 0) process.exitCode = 1;
