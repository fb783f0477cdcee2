import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './child.mjs';

/**
 * Go programs that are built and kept together.
 *
 * @typedef {object} GoPrograms
 * @property {string} name Of their folder in the cache.
 * @property {string} sources The folder with their modules, each with a complete go.sum.
 * @property {readonly { name: string, module: string, goPackage: string }[]} programs Name, folder of the module, package.
 * @property {boolean} [cgo] They have parts in C.
 * @property {number} minutes Time limit for each.
 */

/**
 * Real Go peers, kept outside the clone and built when they are not there: a folder with the programs under their names.
 *
 * @param {GoPrograms} wanted
 * @returns {Promise<{ folder: string } | { why: string } | { broken: string }>} or why there are none here, or what does not compile
 */
export async function ensureGoPrograms(wanted) {
  const lack = whatLacks(wanted);
  if (lack !== undefined) return { why: lack };
  const folder = join(cacheFolder(), `${wanted.name}-${stamp(wanted)}`);
  if (existsSync(folder)) return { folder };
  console.log(`building ${wanted.programs.map(({ name }) => name).join(', ')} in ${folder}`);
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    const failure = await build(wanted, fresh);
    if (failure !== undefined) return failure;
    // Another run may have been quicker; its programs are as good.
    if (!existsSync(folder)) renameSync(fresh, folder);
    return { folder };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** Builds all programs into a folder; returns what is in the way. */
async function build({ sources, programs, cgo, minutes }, folder) {
  for (const { name, module, goPackage } of programs) {
    const go = (...args) => run(['go', '-C', join(sources, module), ...args], { minutes, env: goEnvironment(cgo) });
    // Downloads what the build reads and nothing else, so that a missing proxy is told from broken code.
    const listed = await go('list', '-deps', '-f', '{{with .Error}}{{.}}{{end}}', goPackage);
    if (listed.status !== 0) return { why: `the Go modules of ${name} cannot be had` };
    const built = await go('build', '-ldflags=-s -w', '-o', join(folder, name), goPackage);
    if (built.status !== 0) return { broken: name };
  }
  return undefined;
}

/** Nothing of the user's own settings decides what is built; the proxy and the caches stay theirs. */
function goEnvironment(cgo = false) {
  return {
    CGO_ENABLED: cgo ? '1' : '0',
    GOFLAGS: '-mod=readonly -trimpath -buildvcs=false',
    GOTOOLCHAIN: 'local',
    GOWORK: 'off',
    // The parts in C serve a handful of requests: that they are compiled soon counts for more than how fast they are.
    ...(cgo && { CGO_CFLAGS: '-O0' }),
  };
}

/** What a build needs and this machine has not. */
function whatLacks({ sources, programs, cgo }) {
  const version = goEnv('GOVERSION');
  if (version === undefined) return 'Go is not installed';
  const own = numbers(version);
  for (const { name, module } of programs) {
    const [, oldest = ''] = /^go (\S+)/m.exec(readFileSync(join(sources, module, 'go.mod'), 'utf8')) ?? [];
    if (isOlder(own, numbers(oldest))) return `${version} is too old: ${name} needs Go ${oldest}`;
  }
  const compiler = cgo ? goEnv('CC')?.split(' ')[0] : undefined;
  return compiler === undefined || isThere(compiler) ? undefined : `there is no C compiler (${compiler})`;
}

function isThere(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The numbers of `go1.26.8` or `1.24.0`. */
function numbers(version) {
  return (version.match(/\d+/g) ?? []).map(Number);
}

function isOlder(own, oldest) {
  const differing = oldest.findIndex((number, i) => number !== (own[i] ?? 0));
  return differing !== -1 && (own[differing] ?? 0) < oldest[differing];
}

/** A setting of Go's; undefined without Go. */
function goEnv(name) {
  try {
    const options = {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...goEnvironment() },
    };
    return execFileSync('go', ['env', name], options).trim();
  } catch {
    return undefined;
  }
}

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'forwarder-sriov');
}

/** Changes with all that the programs are made from. */
function stamp({ sources, programs, cgo }) {
  const digest = createHash('sha256')
    .update(goEnv('GOVERSION'))
    .update(JSON.stringify(goEnvironment(cgo)));
  for (const { name, module, goPackage } of programs) {
    digest.update(`${name} ${goPackage}\0`);
    for (const file of readdirSync(join(sources, module)).sort()) {
      digest.update(`${module}/${file}\0`).update(readFileSync(join(sources, module, file)));
    }
  }
  return digest.digest('hex').slice(0, 16);
}
