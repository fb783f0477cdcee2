import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './child.mjs';

/** What is built: the program's name, the folder of its module below test/interop, and its package. */
const programs = [
  { name: 'go-client', module: 'go-client', goPackage: '.' },
  { name: 'grpc-health-probe', module: 'health-probe', goPackage: 'github.com/grpc-ecosystem/grpc-health-probe' },
];

const oldestGo = [1, 24];

/** Nothing of the user's own settings decides what is built; the proxy and the caches stay theirs. */
const goEnvironment = {
  CGO_ENABLED: '0',
  GOFLAGS: '-mod=readonly -trimpath -buildvcs=false',
  GOTOOLCHAIN: 'local',
  GOWORK: 'off',
};

/**
 * Real Go peers, kept outside the clone and built when they are not there: a folder with `go-client` (test/interop/go-client)
 * and `grpc-health-probe`.
 *
 * @param {string} root
 * @returns {Promise<{ folder: string } | { why: string } | { broken: string }>} or why there are none here, or what does not compile
 */
export async function ensureGoPeers(root) {
  const version = goVersion();
  if (version === undefined) return { why: 'Go is not installed' };
  const [major, minor] = version.match(/\d+/g)?.map(Number) ?? [];
  if (major < oldestGo[0] || (major === oldestGo[0] && minor < oldestGo[1])) {
    return { why: `${version} is too old: the NSM SDK needs Go ${oldestGo.join('.')}` };
  }
  const sources = join(root, 'test/interop');
  const folder = join(cacheFolder(), `go-peers-${stamp(sources, version)}`);
  if (existsSync(folder)) return { folder };
  console.log(`building Go peers in ${folder}`);
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    const failure = await build(sources, fresh);
    if (failure !== undefined) return failure;
    // Another run may have been quicker; its programs are as good.
    if (!existsSync(folder)) renameSync(fresh, folder);
    return { folder };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Builds all programs into a folder; returns what is in the way. */
async function build(sources, folder) {
  for (const { name, module, goPackage } of programs) {
    const go = (...args) => run(['go', '-C', join(sources, module), ...args], { minutes: 4, env: goEnvironment });
    // Downloads what the build reads and nothing else, so that a missing proxy is told from broken code.
    const listed = await go('list', '-deps', '-f', '{{with .Error}}{{.}}{{end}}', goPackage);
    if (listed.status !== 0) return { why: `the Go modules of ${name} cannot be had` };
    const built = await go('build', '-o', join(folder, name), goPackage);
    if (built.status !== 0) return { broken: name };
  }
  return undefined;
}

/** `go1.26.8`; undefined without Go. */
function goVersion() {
  try {
    const options = {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...goEnvironment },
    };
    return execFileSync('go', ['env', 'GOVERSION'], options).trim();
  } catch {
    return undefined;
  }
}

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'forwarder-sriov');
}

/** Changes with all that the programs are made from. */
function stamp(sources, version) {
  const digest = createHash('sha256').update(version).update(JSON.stringify(goEnvironment));
  for (const { module } of programs) {
    for (const file of readdirSync(join(sources, module)).sort()) {
      digest.update(`${module}/${file}\0`).update(readFileSync(join(sources, module, file)));
    }
  }
  return digest.digest('hex').slice(0, 16);
}
