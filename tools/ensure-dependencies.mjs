import { readFileSync } from 'node:fs';
import { run } from './child.mjs';

/** The `packages` of a lockfile; undefined when it is missing or cut off. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/**
 * What the lockfile has that npm did not note as installed; undefined when nothing lacks. Optional packages that are
 * not there belong to other platforms.
 */
function whatLacks(root) {
  const wanted = packagesOf(`${root}package-lock.json`);
  const installed = packagesOf(`${root}node_modules/.package-lock.json`);
  if (installed === undefined) return 'node_modules is missing';
  for (const [path, { version, integrity, optional }] of Object.entries(wanted)) {
    const there = installed[path];
    if (path === '' || (there === undefined && optional)) continue;
    if (there?.version !== version || there.integrity !== integrity) return `${path} is not at ${version}`;
  }
  return undefined;
}

/** Installs what package-lock.json says, if it is not installed yet. */
export async function ensureDependencies(root) {
  const lack = whatLacks(root);
  if (lack === undefined) return;
  console.log(`${lack}: running npm ci`);
  const options = ['--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const { status } = await run(['npm', 'ci', '--prefix', root, ...options], { minutes: 10 });
  if (status === 0) return;
  console.error(`npm ci failed with status ${status}: it needs a package registry it can reach`);
  process.exit(1);
}
