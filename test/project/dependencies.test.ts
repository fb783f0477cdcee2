import { readFileSync } from 'node:fs';
import { expect } from 'chai';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest;
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, LockedPackage>> };

/** Names with a line of their own below a heading of docs/decisions/dependencies.md. */
function justified(heading: string): string[] {
  const section = read('docs/decisions/dependencies.md').split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^- `([^`]+)`: \S/gm)].map(([, name]) => String(name));
}

describe('dependencies', () => {
  it('each has its reason in docs/decisions, and each reason its dependency', () => {
    expect(justified('At run time')).to.deep.equal(Object.keys(manifest.dependencies));
    expect(justified('For development')).to.deep.equal(Object.keys(manifest.devDependencies));
  });

  it('are pinned to one version', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      expect(version, name).to.match(/^\d+\.\d+\.\d+$/);
    }
  });

  it('are locked for every platform, so that npm ci accepts the lockfile (npm run lockfile)', () => {
    for (const [path, { optionalDependencies = {} }] of Object.entries(packages)) {
      for (const name of Object.keys(optionalDependencies)) {
        expect(packages, path).to.include.any.keys(`${path}/node_modules/${name}`, `node_modules/${name}`);
      }
    }
  });

  it('are locked without the address of a registry', () => {
    for (const [path, { resolved }] of Object.entries(packages)) expect(resolved, path).to.equal(undefined);
  });
});
