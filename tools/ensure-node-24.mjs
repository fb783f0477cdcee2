import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './child.mjs';

const version = '24.21.0';

/** Where things are kept that are costly to fetch or build; may be emptied at any time. */
function cacheFolder() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'forwarder-sriov');
}

/**
 * Path of a Node 24 from npm's per-platform packages, which carry the program itself and need no install script.
 *
 * @returns {Promise<string | undefined>} undefined when it cannot be installed here
 */
export async function ensureNode24() {
  const packageName = `node-linux-${process.arch}`;
  const folder = join(cacheFolder(), `node-${version}`);
  const program = join(folder, 'node_modules', packageName, 'bin/node');
  if (existsSync(program)) return program;
  console.log(`installing Node ${version} into ${folder}`);
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  try {
    const options = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund'];
    const command = ['npm', 'install', '--prefix', fresh, ...options, `${packageName}@${version}`];
    if ((await run(command, { minutes: 4 })).status !== 0) return undefined;
    mkdirSync(dirname(folder), { recursive: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
    return program;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}
