import { readdir, readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { openOwnNetworkNamespace } from '../src/native/network-namespace.js';
import { mountedHierarchy } from './cgroups/mounted-hierarchy.js';
import { listLinks } from './network/links.js';

/**
 * What a simulated node could leave behind, each as a line of text: only what bears the mark of this process, since
 * others work on the machine as well. The same before and after a node.
 */
export async function findTraces(): Promise<readonly string[]> {
  return [
    ...(await links()),
    ...(await children()),
    ...(await namespaces()),
    ...(await marked('socket', '/proc/net/unix')),
    ...(await marked('mount', '/proc/self/mounts')),
    ...(await cgroups()),
    ...(await named('folder', tmpdir())),
  ].sort();
}

/** What the names of this process's folders, and of everything in them, contain. */
export const mark = `simulated-node-${process.pid}-`;
/** In the second to fourth byte of every MAC address. */
const macMark = /^..:5f:00:00:/;

async function links(): Promise<string[]> {
  using home = openOwnNetworkNamespace();
  return (await listLinks(home)).filter(({ mac }) => macMark.test(mac)).map(({ name }) => `link ${name}`);
}

/** Programs that this process started. */
async function children(): Promise<string[]> {
  const text = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  const pids = text.split(' ').filter(Boolean);
  return Promise.all(
    pids.map(async (pid) => `process ${pid} ${await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')}`),
  );
}

/** Network namespaces that this process keeps alive. */
async function namespaces(): Promise<string[]> {
  const numbers = await readdir('/proc/self/fd');
  const targets = await Promise.all(numbers.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return targets.filter((target) => target.startsWith('net:')).map((target) => `namespace ${target}`);
}

async function marked(what: string, table: string): Promise<string[]> {
  const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n');
  return lines.filter((line) => line.includes(mark)).map((line) => `${what} ${line.trim()}`);
}

async function cgroups(): Promise<string[]> {
  const versions = [1, 2] as const;
  const roots = versions.map(mountedHierarchy).filter((root) => root !== undefined);
  return (await Promise.all(roots.map((root) => named('cgroup', root)))).flat();
}

async function named(what: string, folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.startsWith(mark)).map((name) => `${what} ${name}`);
}
