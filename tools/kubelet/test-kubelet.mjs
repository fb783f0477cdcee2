import { execFileSync } from 'node:child_process';
import { ensureBuild } from '../ensure-build.mjs';
import { runMocha } from '../mocha.mjs';
import { oneSkipped, oneTest } from '../totals.mjs';
import { ensureKubelet, versions } from './ensure-kubelet.mjs';

/**
 * Runs the tests of test/kubelet: device plugin and daemon with a real kubelet and container runtime. `KUBELET=1.36.3`
 * takes another version, `KUBELET=long` the long form: more pods, and an upgrade of kubelet underneath.
 *
 * @param {string} root
 * @returns {Promise<import('../totals.mjs').Totals>}
 */
export async function testKubelet(root) {
  const why = obstacle();
  if (why !== undefined) return skip(why);
  const wish = process.env.KUBELET ?? versions.usual;
  const long = wish === 'long';
  const programs = await ensureAll(long ? [versions.usual, versions.next] : [wish]);
  if ('why' in programs) return skip(programs.why);
  if ('broken' in programs || !(await ensureBuild(root))) return oneTest(false);
  Object.assign(process.env, programs.env);
  return runMocha({ root, node: process.execPath, args: ['test/kubelet/**/*.kubelet.ts'], minutes: long ? 30 : 6 });
}

/** Kubelets of these versions, as the tests are told of them. */
async function ensureAll(wanted) {
  const env = {};
  for (const [index, version] of wanted.entries()) {
    const programs = await ensureKubelet(version);
    if (!('kubelet' in programs)) return programs;
    env.KUBELET_RUNTIME = programs.runtime;
    env[index === 0 ? 'KUBELET_PROGRAM' : 'KUBELET_NEXT'] = programs.kubelet;
  }
  return { env };
}

/** What keeps a node from being set up here. */
function obstacle() {
  if (process.getuid?.() !== 0) return 'needs root: namespaces, mounts and control groups of the running kernel';
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--mount-proc', '--net'];
  try {
    execFileSync('unshare', [...namespaces, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
  } catch {
    return 'this machine allows no namespaces with mounts of their own';
  }
  return undefined;
}

function skip(why) {
  console.log(`skipped: ${why}`);
  return oneSkipped;
}
