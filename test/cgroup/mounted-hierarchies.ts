import { readFileSync } from 'node:fs';

/** Where a hierarchy of this machine is mounted that decides about devices; undefined when it has none. */
export function mountedHierarchy(version: 1 | 2): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const found = mounts.find(
    ([, , type, options = '']) =>
      type === (version === 1 ? 'cgroup' : 'cgroup2') && (version === 2 || options.split(',').includes('devices')),
  );
  return found?.[1];
}

/** Why there can be no tests on cgroups of this version here; undefined when there can. */
export function whyNoCgroups(version: 1 | 2): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: cgroups are made and device nodes too';
  const what = version === 1 ? 'the devices hierarchy of cgroup v1' : 'cgroup v2';
  return mountedHierarchy(version) === undefined ? `${what} is not mounted here` : undefined;
}
