import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../child.mjs';

/** Kubernetes versions that the lane knows: the one that continuous integration runs, and the one it upgrades to. */
export const versions = { usual: '1.34.2', next: '1.36.3' };

/** How long a machine may take to make one kubelet; one that is slower goes without. Two processors need about three minutes. */
const longestMinutes = 9;

/** What a node has besides kubelet: container runtime, pod network, and the programs of the pods. */
const packages = ['containerd', 'runc', 'containernetworking-plugins', 'busybox-static'];

/**
 * A kubelet and a container runtime, kept outside the clone and made when they are not there.
 *
 * @param {string} version Kubernetes version
 * @returns {Promise<{ kubelet: string, runtime: string } | { why: string } | { broken: string }>} the program and the
 *   root folder of the runtime; or why there are none here, or what does not compile
 */
export async function ensureKubelet(version) {
  const go = goVersion();
  if (go === undefined) return { why: 'Go is not installed, kubelet cannot be built' };
  const runtime = await ensureRuntime();
  if ('why' in runtime) return runtime;
  const kubelet = join(cacheFolder(), `kubelet-${version}-${go}`);
  if (existsSync(kubelet)) return { kubelet, ...runtime };
  console.log(`building kubelet ${version} in ${kubelet}`);
  return inFolder(async (work) => {
    const failure = await buildKubelet(version, work);
    if (failure !== undefined) return failure;
    mkdirSync(dirname(kubelet), { recursive: true });
    renameSync(join(work, 'kubelet'), kubelet);
    return { kubelet, ...runtime };
  });
}

/**
 * Builds from the published module: it asks for its own parts as v0.0.0, found in folders that a module does not have, so
 * a module around it names their published versions.
 */
async function buildKubelet(version, work) {
  const module = `k8s.io/kubernetes@v${version}`;
  const end = Date.now() + longestMinutes * 60_000;
  const go = (args, more = {}) => runGo(args, { cwd: work, minutes: (end - Date.now()) / 60_000, ...more });
  const slow = { why: `kubelet ${version} cannot be made within ${longestMinutes} minutes here` };
  const downloaded = await go(['mod', 'download', '-json', module], { keepOutput: true });
  if (downloaded.status !== 0) return { why: `the Go module ${module} cannot be had` };
  const text = readFileSync(JSON.parse(downloaded.output).GoMod, 'utf8');
  const needed = text.match(/^go (\d+)\.(\d+)/m);
  if (needed !== null && isOlder(goVersion() ?? '', [Number(needed[1]), Number(needed[2])])) {
    return { why: `kubelet ${version} needs Go ${needed[1]}.${needed[2]}` };
  }
  const parts = [...text.matchAll(/^\s*(?:require )?(k8s\.io\/\S+) v0\.0\.0$/gm)].map(([, part]) => part);
  const published = `v0.${version.slice(2)}`;
  writeFileSync(
    join(work, 'go.mod'),
    [
      'module around',
      needed?.[0] ?? 'go 1.24',
      `require k8s.io/kubernetes v${version}`,
      ...parts.map((part) => `replace ${part} => ${part} ${published}`),
    ].join('\n\n'),
  );
  const target = 'k8s.io/kubernetes/cmd/kubelet';
  // Downloads what the build reads and nothing else, so that a missing proxy is told from broken code.
  const listed = await go(['list', '-mod=mod', '-deps', '-f', '{{with .Error}}{{.}}{{end}}', target]);
  if (listed.tookTooLong) return slow;
  if (listed.status !== 0) return { why: `the Go modules of kubelet ${version} cannot be had` };
  const flags = `-s -w -X k8s.io/component-base/version.gitVersion=v${version}`;
  // Nobody debugs it: without what a debugger reads it is compiled sooner.
  const quickly = ['-p', '2', '-gcflags', 'all=-dwarf=false'];
  const built = await go(['build', '-mod=mod', ...quickly, '-ldflags', flags, '-o', 'kubelet', target]);
  if (built.tookTooLong) return slow;
  return built.status === 0 ? undefined : { broken: `kubelet ${version}` };
}

/** Debian's packages, unpacked rather than installed: nothing of the machine changes. */
async function ensureRuntime() {
  if (!isThere('apt-get') || !isThere('dpkg-deb')) return { why: 'no Debian packages of a container runtime here' };
  const files = packageFiles() ?? ((await updated()) ? packageFiles() : undefined);
  if (files === undefined) return { why: `no mirror has the Debian packages ${packages.join(', ')}` };
  const containerd = files.find((file) => file.startsWith('containerd_')) ?? 'containerd';
  const runtime = join(cacheFolder(), `runtime-${containerd.replace(/\.deb$/, '').replace(/%3a/gi, '.')}`);
  if (existsSync(runtime)) return { runtime };
  console.log(`unpacking Debian packages in ${runtime}`);
  return inFolder(async (work) => {
    const fetched = await run(['sh', '-c', `cd ${work} && apt-get -qq download ${packages.join(' ')}`], { minutes: 3 });
    if (fetched.status !== 0) return { why: `the Debian packages ${packages.join(', ')} cannot be had` };
    const unpack = `cd ${work} && for deb in *.deb; do dpkg-deb -x "$deb" root; done`;
    if ((await run(['sh', '-c', unpack], { minutes: 2 })).status !== 0)
      return { why: 'the packages cannot be unpacked' };
    mkdirSync(dirname(runtime), { recursive: true });
    renameSync(join(work, 'root'), runtime);
    return { runtime };
  });
}

/** Names of the package files that a download would bring; undefined when apt knows no such packages. */
function packageFiles() {
  try {
    const uris = output('apt-get', ['download', '--print-uris', ...packages]);
    const files = [...uris.matchAll(/^'[^']*' (\S+\.deb) /gm)].map(([, file]) => file);
    return files.length === packages.length ? files : undefined;
  } catch {
    return undefined;
  }
}

async function updated() {
  if (process.getuid?.() !== 0) return false;
  return (await run(['apt-get', '-qq', 'update'], { minutes: 3 })).status === 0;
}

/** `go1.26.8`; undefined without Go. */
function goVersion() {
  try {
    return output('go', ['env', 'GOVERSION'], { GOTOOLCHAIN: 'local' }).trim();
  } catch {
    return undefined;
  }
}

function isOlder(version, [major, minor]) {
  const [ownMajor = 0, ownMinor = 0] = version.match(/\d+/g)?.map(Number) ?? [];
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}

function isThere(command) {
  try {
    output(command, ['--version']);
    return true;
  } catch {
    return false;
  }
}

function output(command, args, env = {}) {
  const stdio = /** @type {const} */ (['ignore', 'pipe', 'ignore']);
  return execFileSync(command, args, { encoding: 'utf8', stdio, env: { ...process.env, ...env } });
}

/** Runs Go in a folder with no settings of the user's own but the proxy and the caches. */
function runGo(args, { cwd, minutes, keepOutput = false }) {
  const env = { CGO_ENABLED: '0', GOFLAGS: '-trimpath -buildvcs=false', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  return run(['nice', 'go', '-C', cwd, ...args], { minutes: Math.max(minutes, 0.1), keepOutput, env });
}

/** A folder beside the cache, so that what was made in it can be moved there in one step. */
async function inFolder(work) {
  mkdirSync(cacheFolder(), { recursive: true });
  const folder = mkdtempSync(join(cacheFolder(), '.making-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'forwarder-sriov');
}
