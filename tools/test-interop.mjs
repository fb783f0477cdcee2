import { join } from 'node:path';
import { ensureBuild } from './ensure-build.mjs';
import { ensureGoPrograms } from './ensure-go-programs.mjs';
import { runMocha } from './mocha.mjs';
import { oneSkipped, oneTest } from './totals.mjs';

const programs = [
  { name: 'go-client', module: 'go-client', goPackage: '.' },
  { name: 'grpc-health-probe', module: 'health-probe', goPackage: 'github.com/grpc-ecosystem/grpc-health-probe' },
];

/**
 * Runs the tests of test/interop: the compiled daemon against peers built from the NSM SDK.
 *
 * @param {string} root
 * @returns {Promise<import('./totals.mjs').Totals>}
 */
export async function testInterop(root) {
  if (process.getuid?.() !== 0) return skip('needs root: network namespaces and links of the running kernel');
  const sources = join(root, 'test/interop');
  const peers = await ensureGoPrograms({ name: 'go-peers', sources, programs, minutes: 4 });
  if ('why' in peers) return skip(peers.why);
  if ('broken' in peers || !(await ensureBuild(root))) return oneTest(false);
  process.env.GO_PEERS = peers.folder;
  return runMocha({ root, node: process.execPath, args: ['test/interop/**/*.interop.ts'], minutes: 4 });
}

function skip(why) {
  console.log(`skipped: ${why}`);
  return oneSkipped;
}
