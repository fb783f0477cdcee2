import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../child.mjs';
import { installedPackages } from './installed-packages.mjs';
import { machineTool } from './machine-tool.mjs';

/** What tests import beside the program's own dependencies. */
const testPackages = ['mocha', 'chai', '@peculiar/x509', 'reflect-metadata'];

/**
 * Makes the machine's second disk: the compiled program and tests (types are checked elsewhere, and compiling in there
 * would take minutes), the packages they need, and the command to run.
 *
 * @param {{ root: string, machine: string, work: string, command: string }} what `command` is a line of shell, run
 *   where the clone's root would be
 * @returns {Promise<string | undefined>} the disk's file; undefined when it cannot be made
 */
export async function packTests({ root, machine, work, command }) {
  const tree = join(work, 'src');
  const disk = join(work, 'src.img');
  mkdirSync(tree);
  const output = ['--noEmit', 'false', '--noCheck', '--inlineSourceMap', '--rootDir', root, '--outDir', tree];
  const compile = [process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.json')];
  if ((await run([...compile, ...output], { minutes: 3 })).status !== 0) return undefined;
  // The program once more where `npm run build` puts it: tests that start it look there.
  for (const folder of ['src', 'apis']) cpSync(join(tree, folder), join(tree, 'dist', folder), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const packages = installedPackages(root, [...Object.keys(dependencies), ...testPackages]);
  for (const path of ['package.json', 'tools', ...packages])
    cpSync(join(root, path), join(tree, path), { recursive: true });
  writeFileSync(join(tree, 'run.sh'), `${command}\n`);
  const options = ['-q', '-F', '-b', '4096', '-O', '^has_journal', '-m', '0', '-E', 'root_owner=0:0'];
  const made = await run([...machineTool(machine, 'sbin/mkfs.ext4'), ...options, '-d', tree, disk, '256M'], {
    minutes: 2,
  });
  return made.status === 0 && existsSync(disk) ? disk : undefined;
}
