/**
 * The commands a reader types, from a clean clone on: `npm test`, `npm run demo`, and what continuous integration calls.
 * Uses nothing but Node until it has installed what it lacks.
 */
import { fileURLToPath } from 'node:url';
import { Interrupted, run } from './child.mjs';
import { ensureBuild } from './ensure-build.mjs';
import { ensureDebianPackages } from './ensure-debian-packages.mjs';
import { ensureDependencies } from './ensure-dependencies.mjs';
import { ensureNode } from './ensure-node.mjs';
import { ensureNode24 } from './ensure-node-24.mjs';
import { testKubelet } from './kubelet/test-kubelet.mjs';
import { lanes } from './lanes.mjs';
import { runMocha } from './mocha.mjs';
import { runLanes } from './run-lanes.mjs';
import { testChaos } from './test-chaos.mjs';
import { testInterop } from './test-interop.mjs';
import { testMesh } from './test-mesh.mjs';
import { formatTotals, oneSkipped, oneTest } from './totals.mjs';
import { testInMachine } from './vm/test-in-machine.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const allTests = ['test/**/*.test.ts'];
/** Tests that need neither root nor the built program. */
const portableTests = [...allTests, '--ignore', 'test/{node,e2e}/**'];

/** Each returns the totals to print last, or nothing when what it ran has printed its own. Words behind its name are for it. */
const commands = {
  async test() {
    await ensureDebianPackages();
    if (!(await ensureBuild(root))) return oneTest(false);
    return runMocha({ root, node: process.execPath, args: allTests, minutes: 9 });
  },

  async 'test:node24'() {
    const node = await ensureNode24();
    if (node === undefined) {
      console.log('skipped: Node 24 cannot be installed here');
      return oneSkipped;
    }
    return runMocha({ root, node, args: portableTests, minutes: 6 });
  },

  'test:vm': (...suites) => testInMachine(root, 'short', suites),

  'test:vm:long': (...suites) => testInMachine(root, 'long', suites),

  'test:chaos': () => testChaos(root, 'long'),

  'test:chaos:short': () => testChaos(root, 'short'),

  'test:interop': () => testInterop(root),

  'test:kubelet': () => testKubelet(root),

  'test:mesh': () => testMesh(root),

  async demo() {
    await ensureDebianPackages();
    if (!(await ensureBuild(root))) return oneTest(false);
    const demo = [process.execPath, '--import', 'tsx', 'simulation/demo.ts'];
    process.exitCode = (await run(demo, { minutes: 10 })).status;
    return undefined;
  },

  ci: () => runLanes(lanes),
};

async function main(name, ...words) {
  const command = commands[name];
  if (command === undefined) {
    console.error(`${name} is no command: expected one of ${Object.keys(commands).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  process.chdir(root);
  ensureNode(root);
  await ensureDependencies(root);
  const totals = await command(...words);
  if (totals === undefined) return;
  if (totals.failed > 0) process.exitCode = 1;
  console.log(`\n${formatTotals(totals)}`);
}

try {
  await main(...process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  console.error(error.message);
  process.exitCode = error.status;
}
