import type { Cgroup, DeviceNumber } from '../../src/ports/device-access.js';
import { ForwarderError } from '../../src/ports/error.js';
import { type PodUid, podFolders } from '../../src/ports/pod-cgroup.js';

/** A cgroup with its rules about devices, each as `major:minor`. */
export interface SimCgroup extends Cgroup {
  readonly parent: SimCgroup | undefined;
  /** What others allow: these devices, or everything but these. */
  rules: { readonly kind: 'only' | 'all-but'; readonly devices: Set<string> };
  /** What we allow, where rules have authors; else our rules are among the others. */
  readonly block: Set<string>;
}

const podsFolder = '/kubepods';
/** Allowed to every container (/dev/null). */
const usual = '1:3';

/** The cgroups of all pods. They outlive every process of the daemon. */
export class CgroupTree {
  /** False on cgroup v1: a rule does not tell who made it. */
  readonly rulesHaveAuthors: boolean;
  readonly #cgroups = new Map<string, SimCgroup>();
  #inodes = 0;

  constructor(version: 1 | 2) {
    this.rulesHaveAuthors = version === 2;
  }

  /** Parents before children. */
  all(): readonly SimCgroup[] {
    return [...this.#cgroups.values()];
  }

  of(pod: PodUid): readonly SimCgroup[] {
    const folder = podPath(pod);
    return this.all().filter(({ path }) => path === folder || path.startsWith(`${folder}/`));
  }

  /** @throws ForwarderError `not-found` when it is gone, also when another one has its path */
  get({ path, inode }: Cgroup): SimCgroup {
    const found = this.#cgroups.get(path);
    if (found?.inode !== inode) throw new ForwarderError('not-found', `cgroup ${path} is gone`);
    return found;
  }

  addPod(pod: PodUid, forbids?: DeviceNumber): SimCgroup {
    return this.#add(podPath(pod), undefined, {
      kind: 'all-but',
      devices: new Set(forbids === undefined ? [] : [key(forbids)]),
    });
  }

  addContainer(parent: Cgroup, name: string, allows: readonly DeviceNumber[] = []): SimCgroup {
    return this.#add(`${parent.path}/${name}`, this.get(parent), runtimeRules(allows));
  }

  /** A runtime sets the rules anew, knowing nothing of us. */
  update(cgroup: Cgroup, allows: readonly DeviceNumber[] = []): void {
    const found = this.get(cgroup);
    found.rules = runtimeRules(allows);
    found.block.clear();
  }

  remove(cgroup: Cgroup): void {
    for (const { path } of this.all()) {
      if (path === cgroup.path || path.startsWith(`${cgroup.path}/`)) this.#cgroups.delete(path);
    }
  }

  /** What a process in the cgroup meets. */
  allows(cgroup: Cgroup, device: DeviceNumber): boolean {
    return this.allowedBy(this.get(cgroup), device) !== 'nobody';
  }

  allowedBy(cgroup: SimCgroup, device: DeviceNumber): 'nobody' | 'us' | 'others' {
    const above = lineage(cgroup);
    if (!above.every((it) => permits(it, device) || it.block.has(key(device)))) return 'nobody';
    return above.every((it) => permits(it, device)) ? 'others' : 'us';
  }

  /** @throws ForwarderError `denied` when a cgroup above forbids the device */
  grant(cgroup: SimCgroup, device: DeviceNumber): void {
    const forbidding = lineage(cgroup)
      .slice(1)
      .findLast((it) => !permits(it, device) && !it.block.has(key(device)));
    if (forbidding !== undefined) {
      throw new ForwarderError(
        'denied',
        `cgroup ${cgroup.path} cannot allow device ${key(device)}: ${forbidding.path}, above it, does not`,
      );
    }
    if (permits(cgroup, device)) return;
    if (this.rulesHaveAuthors) cgroup.block.add(key(device));
    else allow(cgroup, device);
  }

  revoke(cgroup: SimCgroup, device: DeviceNumber, keep: boolean): void {
    cgroup.block.delete(key(device));
    if (this.rulesHaveAuthors || keep) return;
    if (cgroup.rules.kind === 'only') cgroup.rules.devices.delete(key(device));
  }

  /** Whether others have a rule for exactly this device; on v1 our own looks like one. */
  hasRule({ rules }: SimCgroup, device: DeviceNumber): boolean {
    return !this.rulesHaveAuthors && rules.kind === 'only' && rules.devices.has(key(device));
  }

  #add(path: string, parent: SimCgroup | undefined, rules: SimCgroup['rules']): SimCgroup {
    this.#inodes += 1;
    const cgroup = { path, inode: String(this.#inodes), parent, rules, block: new Set<string>() };
    this.#cgroups.set(path, cgroup);
    return cgroup;
  }
}

/** Where the pod's own cgroup is. */
export function podPath(pod: PodUid): string {
  return `${podsFolder}/${podFolders('kubepods', pod)[1]}`;
}

/** A device as rules name it. */
export function key({ major, minor }: DeviceNumber): string {
  return `${major}:${minor}`;
}

function runtimeRules(allows: readonly DeviceNumber[]): SimCgroup['rules'] {
  return { kind: 'only', devices: new Set([usual, ...allows.map(key)]) };
}

function permits({ rules }: SimCgroup, device: DeviceNumber): boolean {
  return (rules.kind === 'only') === rules.devices.has(key(device));
}

function allow({ rules }: SimCgroup, device: DeviceNumber): void {
  if (rules.kind === 'only') rules.devices.add(key(device));
  else rules.devices.delete(key(device));
}

/** The cgroup and all above it. */
function lineage(cgroup: SimCgroup): readonly SimCgroup[] {
  const found = [cgroup];
  for (let at = cgroup.parent; at !== undefined; at = at.parent) found.push(at);
  return found;
}
