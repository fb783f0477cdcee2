import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toForwarderError } from '../../src/ports/error.js';
import { mark } from '../traces.js';
import { VfioNodes } from '../vfio-nodes.js';
import { containerRules } from './container-rules.js';
import { type CgroupVersion, mountedHierarchy, whyNoCgroups } from './mounted-hierarchy.js';

/** What a node of this machine can offer for VFIO, or why it cannot. */
export type Usable = { readonly version: CgroupVersion } | { readonly why: string };

/**
 * The version of cgroups that decides about devices here, where this process may make cgroups with rules of their own and
 * device nodes. It is tried out: to be root says little inside containers.
 */
export async function usableCgroups(): Promise<Usable> {
  const version = ([1, 2] as const).find((it) => mountedHierarchy(it) !== undefined);
  if (version === undefined) return { why: 'no hierarchy of cgroups is mounted here that decides about devices' };
  const why = await whyUnusable(version);
  return why === undefined ? { version } : { why };
}

/** Why a node of this machine can have no pods in cgroups of this version; undefined when it can. */
export async function whyUnusable(version: CgroupVersion): Promise<string | undefined> {
  const why = whyNoCgroups(version);
  if (why !== undefined) return why;
  try {
    await tryCgroup(version);
    await tryNodes();
    return undefined;
  } catch (thrown) {
    return `cgroups and device nodes cannot be made here (${toForwarderError(thrown).message.split('\n')[0]})`;
  }
}

async function tryCgroup(version: CgroupVersion): Promise<void> {
  const folder = mkdtempSync(join(mountedHierarchy(version) ?? '', mark));
  try {
    await containerRules(version).forbidAll(folder);
  } finally {
    rmdirSync(folder);
  }
}

async function tryNodes(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), mark));
  try {
    const nodes = await VfioNodes.create(join(folder, 'vfio'));
    // On a file system without devices they can be made and not be opened.
    await (await open(join(nodes.folder, 'vfio'), 'r+')).close();
  } finally {
    await rm(folder, { recursive: true });
  }
}
