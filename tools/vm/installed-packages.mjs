import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Folders below the root of some installed npm packages and of all that they depend on.
 *
 * @param {string} root
 * @param {readonly string[]} names
 * @returns {readonly string[]} `node_modules/mocha`, ...
 */
export function installedPackages(root, names) {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const found = new Set();
  const follow = (name, dependent) => {
    const path = resolve(packages, name, dependent);
    if (path === undefined || found.has(path)) return;
    found.add(path);
    const { dependencies, optionalDependencies } = packages[path];
    for (const dependency of Object.keys({ ...dependencies, ...optionalDependencies })) follow(dependency, path);
  };
  for (const name of names) follow(name, '');
  // Optional packages of other platforms are in the lockfile only.
  return [...found].filter((path) => existsSync(join(root, path)));
}

/** The folder in which Node would find a dependency: the innermost `node_modules` on the way up. */
function resolve(packages, name, dependent) {
  for (let at = dependent; ; at = at.replace(/(^|\/)node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (path in packages) return path;
    if (at === '') return undefined;
  }
}
