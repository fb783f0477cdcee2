import { attachProgram, replaceProgram } from '../../simulation/cgroups/device-programs.js';
import { allButOne, rulesFor, runtimeFilter } from '../../simulation/cgroups/runtime-filter.js';
import type { ForeignRules } from './cgroup-harness.js';

/** Rules of cgroup v2: programs as container runtimes attach them. */
export const programRules: ForeignRules = {
  rulesHaveAuthors: true,
  restrict: (folder, allows) => attachProgram(folder, runtimeFilter(rulesFor(allows))),
  forbid: (folder, device) => attachProgram(folder, allButOne(device)),
  update: (folder, allows) => replaceProgram(folder, runtimeFilter(rulesFor(allows))),
};
