/**
 * Makes the program in dist/ from its sources. What it needs at once becomes one file: read as the hundreds of files that
 * it is made of, it takes twice as long to start, and while it starts nobody on the node is served. Types are checked
 * elsewhere (`npm run types`).
 */
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The release that package.json asks for: what that does not know yet is written in older words. */
const common = { absWorkingDir: root, outdir: 'dist/src', target: 'node20.19', platform: 'node', sourcemap: true };

/** What stays in node_modules: native parts, and what is loaded only when it is asked for. */
const external = ['koffi', 'netlink', '@opentelemetry/*'];

/** Modules written for `require` find it in none of the ES modules that they become part of. */
const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
await build({ ...common, entryPoints: ['src/start.cts'], outExtension: { '.js': '.cjs' } });
await build({
  ...common,
  // The helper is a program of its own, which the other starts by its name beside itself.
  entryPoints: { main: 'src/main.ts', 'write-helper': 'src/pci/write-helper.ts' },
  bundle: true,
  splitting: true,
  format: 'esm',
  external,
  banner: { js: banner },
});
