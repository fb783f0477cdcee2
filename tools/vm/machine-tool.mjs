import { basename, join } from 'node:path';

/**
 * The words that start one of the machine's own programs under its own loader and libraries.
 *
 * @param {string} machine
 * @param {string} path below `usr`
 * @returns {[string, ...string[]]}
 */
export function machineTool(machine, path) {
  const tools = join(machine, 'tools/usr');
  const libraries = join(tools, 'lib/x86_64-linux-gnu');
  const loader = join(libraries, 'ld-linux-x86-64.so.2');
  return [loader, '--library-path', libraries, '--argv0', basename(path), join(tools, path)];
}
