import { readdir, readFile, readlink } from 'node:fs/promises';

/** Descriptors of this process that do not count as users. */
type OwnDescriptors = ReadonlySet<number>;

/**
 * True while somebody keeps a network namespace alive: a process inside it, an open descriptor, a mount. What /proc does
 * not show (a socket that was made inside and is all that is left) is not found.
 *
 * @param inode the number in `net:[...]`
 */
export async function hasUsers(inode: bigint, own: OwnDescriptors): Promise<boolean> {
  const name = `net:[${inode}]`;
  const seenMounts = new Set<string>();
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    if ((await linkOf(`/proc/${pid}/ns/net`)) === name) return true;
    if (await holdsDescriptor(pid, name, own)) return true;
    if (await hasMount(pid, name, seenMounts)) return true;
  }
  return false;
}

async function holdsDescriptor(pid: string, name: string, own: OwnDescriptors): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const mine = pid === String(process.pid);
  const numbers = await readdir(folder).catch(() => []);
  const targets = await Promise.all(
    numbers.filter((fd) => !mine || !own.has(Number(fd))).map((fd) => linkOf(`${folder}/${fd}`)),
  );
  return targets.includes(name);
}

async function hasMount(pid: string, name: string, seen: Set<string>): Promise<boolean> {
  const mounts = await linkOf(`/proc/${pid}/ns/mnt`);
  if (mounts === undefined || seen.has(mounts)) return false;
  seen.add(mounts);
  const table = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
  return table.includes(` ${name} `);
}

/** Undefined for what is gone or not ours to see. */
function linkOf(path: string): Promise<string | undefined> {
  return readlink(path).catch(() => undefined);
}
