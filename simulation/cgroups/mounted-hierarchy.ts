import { readFileSync } from 'node:fs';

/** A version of cgroups. */
export type CgroupVersion = 1 | 2;

/** Where a hierarchy of this machine is mounted that decides about devices; undefined when it has none. */
export function mountedHierarchy(version: CgroupVersion): string | undefined {
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '));
  const found = mounts.find(
    ([, , type, options = '']) =>
      type === (version === 1 ? 'cgroup' : 'cgroup2') && (version === 2 || options.split(',').includes('devices')),
  );
  return found?.[1];
}

/** Why no cgroups of this version can be made here; undefined when they can. */
export function whyNoCgroups(version: CgroupVersion): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: cgroups are made and device nodes too';
  const what = version === 1 ? 'the devices hierarchy of cgroup v1' : 'cgroup v2';
  return mountedHierarchy(version) === undefined ? `${what} is not mounted here` : undefined;
}
