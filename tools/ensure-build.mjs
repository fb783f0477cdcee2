import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.mjs';

const sources = ['src', 'apis', 'tsconfig.json', 'tools/build.mjs', 'package-lock.json'];

/** A digest of all that the build reads; times of files mean nothing after a checkout. */
function digestOf(root) {
  const digest = createHash('sha256');
  const files = sources.flatMap((source) =>
    source.includes('.')
      ? [source]
      : readdirSync(join(root, source), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
          .sort(),
  );
  for (const file of files)
    digest
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return digest.digest('hex');
}

/** Compiles into dist unless it holds what the present sources compile to. Returns whether it does now. */
export async function ensureBuild(root) {
  const stamp = join(root, 'dist/.sources');
  const digest = digestOf(root);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return true;
  console.log('building');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  const { status } = await run(['npm', 'run', '--silent', '--prefix', root, 'build'], { minutes: 5 });
  if (status !== 0) return false;
  writeFileSync(stamp, digest);
  return true;
}
