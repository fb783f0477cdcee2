import { join } from 'node:path';
import { ensureBuild } from './ensure-build.mjs';
import { ensureGoPrograms } from './ensure-go-programs.mjs';
import { runMocha } from './mocha.mjs';
import { oneSkipped, oneTest } from './totals.mjs';

const peers = [{ name: 'mesh-peer', module: 'peers', goPackage: '.' }];

const spire = ['spire-server', 'spire-agent'].map((name) => ({
  name,
  module: 'spire',
  goPackage: `github.com/spiffe/spire/cmd/${name}`,
}));

const goForwarder = [{ name: 'go-forwarder', module: 'go-forwarder', goPackage: '.' }];

/**
 * Runs the tests of test/mesh: the compiled daemon in a mesh of NSM's own programs, with identities from SPIRE. Building
 * SPIRE takes minutes, once. `MESH=long` measures each recovery five times, and holds its median to the Go forwarder's.
 * `MESH_FORWARDER=go` puts the Go forwarder's own chain in the daemon's place.
 *
 * @param {string} root
 * @returns {Promise<import('./totals.mjs').Totals>}
 */
export async function testMesh(root) {
  if (process.getuid?.() !== 0) return skip('needs root: network namespaces and links of the running kernel');
  const { MESH_FORWARDER: inOurPlace = '' } = process.env;
  if (!['', 'go'].includes(inOurPlace)) throw new Error(`MESH_FORWARDER=${inOurPlace}: expected go, or nothing`);
  const sources = join(root, 'test/mesh');
  const built = [
    await ensureGoPrograms({ name: 'mesh-peers', sources, programs: peers, minutes: 4 }),
    // The server keeps its entries in SQLite, which is written in C.
    await ensureGoPrograms({ name: 'spire', sources, programs: spire, cgo: true, minutes: 9 }),
  ];
  if (inOurPlace === 'go') {
    built.push(await ensureGoPrograms({ name: 'go-forwarder', sources, programs: goForwarder, minutes: 4 }));
  }
  const missing = built.find((it) => 'why' in it);
  if (missing !== undefined) return skip(missing.why);
  if (built.some((it) => 'broken' in it) || !(await ensureBuild(root))) return oneTest(false);
  const [MESH_PEERS, SPIRE, GO_FORWARDER = ''] = built.map(({ folder }) => folder);
  Object.assign(process.env, { MESH_PEERS, SPIRE, GO_FORWARDER });
  return runMocha({
    root,
    node: process.execPath,
    args: ['test/mesh/**/*.mesh.ts'],
    minutes: process.env.MESH === 'long' ? 20 : 8,
  });
}

function skip(why) {
  console.log(`skipped: ${why}`);
  return oneSkipped;
}
