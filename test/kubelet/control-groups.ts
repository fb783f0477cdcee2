import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** Folders at which hierarchies of control groups are mounted, of either version. */
function hierarchies(): string[] {
  const found = execFileSync('findmnt', ['-rno', 'TARGET', '-t', 'cgroup,cgroup2'], { encoding: 'utf8' });
  return found.trim().split('\n');
}

/** Makes a group in every hierarchy, below which a node can put its own. */
export function makeControlGroups(name: string): void {
  for (const top of hierarchies()) {
    const controllers = join(top, 'cgroup.controllers');
    if (existsSync(controllers)) handDown(top, readFileSync(controllers, 'utf8').trim().split(' '));
    mkdirSync(join(top, name), { recursive: true });
    // Version 1 begins without processors and memory nodes.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (!existsSync(join(top, 'tasks')) || !existsSync(join(top, file))) continue;
      writeFileSync(join(top, name, file), readFileSync(join(top, file)));
    }
  }
}

function handDown(top: string, controllers: readonly string[]): void {
  for (const controller of controllers.filter((it) => it !== '')) {
    try {
      writeFileSync(join(top, 'cgroup.subtree_control'), `+${controller}`);
    } catch {
      // One that cannot be handed down is one that kubelet does without.
    }
  }
}

/** Removes the groups and all below them; their processes have ended, or are about to. */
export async function removeControlGroups(name: string): Promise<void> {
  for (const top of hierarchies()) {
    const group = join(top, name);
    for (let tries = 0; existsSync(group) && tries < 50; tries++) {
      removeEmpty(group);
      if (existsSync(group)) await setTimeout(100);
    }
  }
}

function removeEmpty(group: string): void {
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory()) removeEmpty(join(group, entry.name));
    }
    rmdirSync(group);
  } catch {
    // Still in use, or gone already.
  }
}
