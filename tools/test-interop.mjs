import { ensureBuild } from './ensure-build.mjs';
import { ensureGoPeers } from './ensure-go-peers.mjs';
import { runMocha } from './mocha.mjs';
import { oneSkipped, oneTest } from './totals.mjs';

/**
 * Runs the tests of test/interop: the compiled daemon against peers built from the NSM SDK.
 *
 * @param {string} root
 * @returns {Promise<import('./totals.mjs').Totals>}
 */
export async function testInterop(root) {
  if (process.getuid?.() !== 0) return skip('needs root: network namespaces and links of the running kernel');
  const peers = await ensureGoPeers(root);
  if ('why' in peers) return skip(peers.why);
  if ('broken' in peers || !(await ensureBuild(root))) return oneTest(false);
  process.env.GO_PEERS = peers.folder;
  return runMocha({ root, node: process.execPath, args: ['test/interop/**/*.interop.ts'], minutes: 4 });
}

function skip(why) {
  console.log(`skipped: ${why}`);
  return oneSkipped;
}
