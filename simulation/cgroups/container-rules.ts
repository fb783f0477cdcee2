import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachProgram, replaceProgram } from './device-programs.js';
import type { CgroupVersion } from './mounted-hierarchy.js';
import { runtimeFilter } from './runtime-filter.js';

/** What a container runtime does to the cgroup of a container, given by its folder. */
export interface ContainerRules {
  /** Forbids a new container all devices. */
  forbidAll(folder: string): Promise<void>;
  /** Sets the same rules anew, as at every change of a container's resources; whatever others added is gone. */
  setAnew(folder: string): Promise<void>;
}

/** By the files of cgroup v1 or the programs of v2. */
export function containerRules(version: CgroupVersion): ContainerRules {
  if (version === 2) {
    return {
      forbidAll: (folder) => attachProgram(folder, runtimeFilter([])),
      setAnew: (folder) => replaceProgram(folder, runtimeFilter([])),
    };
  }
  const denyAll = async (folder: string) => writeFileSync(join(folder, 'devices.deny'), 'a');
  return { forbidAll: denyAll, setAnew: denyAll };
}
