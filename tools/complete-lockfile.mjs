/**
 * Completes package-lock.json after `npm install` has changed it: `npm run lockfile`. npm leaves out the optional
 * packages of other platforms that the registry in use does not carry, and `npm ci` then refuses the lockfile
 * everywhere. What this adds has no hash, because nobody here has seen the package.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lockfile = JSON.parse(readFileSync(file, 'utf8'));

/** `@esbuild/linux-x64`, `@oxc-parser/binding-linux-arm64-musl`: all such names end in system, processor and C library. */
function platformOf(name) {
  const match = /(?:^|[/-])([a-z0-9]+)-([a-z0-9]+)(?:-(gnu|musl|msvc|eabi|gnueabihf|musleabihf))?$/.exec(name);
  if (match === null) throw new Error(`${name} does not name its platform`);
  const [, os, cpu, abi = ''] = match;
  const libc = /^(gnu|musl)/.exec(abi)?.[1]?.replace('gnu', 'glibc');
  return { cpu: [cpu], os: [os], ...(libc === undefined ? {} : { libc: [libc] }) };
}

/** Entries for all optional dependencies that have none. */
function missingEntries(packages) {
  const missing = {};
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (`${path}/node_modules/${name}` in packages || `node_modules/${name}` in packages) continue;
      missing[`node_modules/${name}`] = { version, ...(dev ? { dev } : {}), optional: true, ...platformOf(name) };
    }
  }
  return missing;
}

const missing = missingEntries(lockfile.packages);
const entries = Object.entries({ ...lockfile.packages, ...missing });
lockfile.packages = Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b, 'en')));
writeFileSync(file, `${JSON.stringify(lockfile, null, 2)}\n`);
for (const path of Object.keys(missing)) console.log(`added ${path}`);
