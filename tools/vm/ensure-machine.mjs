import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../child.mjs';

const buildScript = fileURLToPath(new URL('./build-machine.sh', import.meta.url));
const usualMirror = 'http://deb.debian.org/debian';
/** EX_UNAVAILABLE, as the build script uses it. */
const unavailable = 69;
const archiveKeys = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The emulated machine: a folder with QEMU, a kernel and disks (see build-machine.sh), kept outside the clone and built
 * when it is not there.
 *
 * @returns {Promise<{ folder: string } | { why: string } | undefined>} or why there can be none here; undefined when
 *   building it failed
 */
export async function ensureMachine() {
  if (process.arch !== 'x64')
    return { why: `the emulated machine is an x86-64 one, this processor is ${process.arch}` };
  const folder = join(cacheFolder(), `machine-${stamp()}`);
  if (existsSync(folder)) return { folder };
  const lack = whatLacks();
  if (lack !== undefined) return { why: `building the emulated machine needs ${lack}` };
  console.log(`building the emulated machine (200 MB from ${mirror()}) in ${folder}`);
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    const { status } = await run([buildScript, fresh, process.execPath, mirror()], { minutes: 6 });
    if (status === unavailable) return { why: `the emulated machine's packages cannot be had from ${mirror()}` };
    if (status !== 0) return undefined;
    // Another run may have been quicker; one machine is as good as the other.
    if (!existsSync(folder)) renameSync(fresh, folder);
    return { folder };
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'forwarder-sriov');
}

/** Changes with all that a machine is made from. */
function stamp() {
  const digest = createHash('sha256').update(process.version).update(process.execPath);
  for (const name of ['build-machine.sh', 'guest-init.sh', 'initrd-init.sh']) {
    digest.update(readFileSync(new URL(name, import.meta.url)));
  }
  return digest.digest('hex').slice(0, 16);
}

/** What a build needs and the host has not. */
function whatLacks() {
  const missing = ['apt-get', 'dpkg-deb', 'ldd'].find((command) => !isInstalled(command));
  if (missing !== undefined) return `${missing}, as on Debian`;
  return existsSync(archiveKeys) ? undefined : `Debian's archive keys (${archiveKeys})`;
}

function isInstalled(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The Debian mirror that the host's apt uses. */
function mirror() {
  const uris = execFileSync('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages']);
  return /^\S+\/debian\/?$/m.exec(uris.toString())?.[0] ?? usualMirror;
}
