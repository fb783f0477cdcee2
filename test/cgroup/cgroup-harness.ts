import { mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroup, DeviceAccess, DeviceNumber } from '../../src/ports/device-access.js';
import { type PodUid, podFolders } from '../../src/ports/pod-cgroup.js';
import type { DeviceAccessHarness } from '../contract/device-access-harness.js';
import { DeviceUser } from './device-user.js';

/** How rules are made by others on one version of cgroups. */
export interface ForeignRules {
  readonly rulesHaveAuthors: boolean;
  /** A new container: only /dev/null and these devices are allowed. */
  restrict(folder: string, allows: readonly DeviceNumber[]): Promise<void>;
  forbid(folder: string, device: DeviceNumber): Promise<void>;
  /** As {@link restrict}, of a container that runs. */
  update(folder: string, allows: readonly DeviceNumber[]): Promise<void>;
}

let trees = 0;

/** Real cgroups of the running kernel in a tree of their own, which ends with the harness. */
export class CgroupHarness implements DeviceAccessHarness {
  readonly access: DeviceAccess;
  readonly rulesHaveAuthors: boolean;
  readonly #root: string;
  readonly #rules: ForeignRules;
  readonly #user = new DeviceUser();
  readonly #made: string[] = [];
  readonly #podsFolder: string;

  constructor({ root, rules, access }: { root: string; rules: ForeignRules; access: DeviceAccess }) {
    this.#root = root;
    this.#rules = rules;
    this.access = access;
    this.rulesHaveAuthors = rules.rulesHaveAuthors;
    trees += 1;
    this.#podsFolder = `/test-${process.pid}-${trees}/kubepods`;
  }

  /** The cgroup's folder in the file system. */
  folder({ path }: Cgroup): string {
    return join(this.#root, path);
  }

  async addPod(pod: PodUid, { forbids }: { readonly forbids?: DeviceNumber } = {}): Promise<Cgroup> {
    const cgroup = this.makeCgroup(`${this.#podsFolder}/${podFolders('kubepods', pod)[1]}`);
    if (forbids !== undefined) await this.#rules.forbid(this.folder(cgroup), forbids);
    return cgroup;
  }

  async addContainer(parent: Cgroup, name: string, allows: readonly DeviceNumber[] = []): Promise<Cgroup> {
    const cgroup = this.makeCgroup(`${parent.path}/${name}`);
    await this.#rules.restrict(this.folder(cgroup), allows);
    return cgroup;
  }

  async updateContainer(container: Cgroup, allows: readonly DeviceNumber[] = []): Promise<void> {
    await this.#rules.update(this.folder(container), allows);
  }

  async removeCgroup(cgroup: Cgroup): Promise<void> {
    rmdirSync(this.folder(cgroup));
    this.#made.splice(this.#made.indexOf(cgroup.path), 1);
  }

  open(cgroup: Cgroup, device: DeviceNumber) {
    return this.#user.open(this.folder(cgroup), device);
  }

  makeNode(cgroup: Cgroup, device: DeviceNumber) {
    return this.#user.makeNode(this.folder(cgroup), device);
  }

  /** Makes a cgroup with all that are missing above it. */
  makeCgroup(path: string): Cgroup {
    const parts = path.split('/').slice(1);
    for (const [n] of parts.entries()) this.#makeFolder(`/${parts.slice(0, n + 1).join('/')}`);
    return { path, inode: String(statSync(join(this.#root, path), { bigint: true }).ino) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#made.reverse()) rmdirSync(join(this.#root, path));
    this.#user[Symbol.dispose]();
  }

  #makeFolder(path: string): void {
    if (this.#made.includes(path)) return;
    mkdirSync(join(this.#root, path));
    this.#made.push(path);
  }
}

/** Rules of the devices controller of cgroup v1. */
export const listedRules: ForeignRules = {
  rulesHaveAuthors: false,
  async restrict(folder, allows) {
    write(folder, 'devices.deny', 'a');
    await this.update(folder, allows);
  },
  async forbid(folder, device) {
    write(folder, 'devices.deny', 'a');
    for (const major of [1, 5, 511]) {
      for (let minor = 0; minor < 10; minor += 1) {
        if (major !== device.major || minor !== device.minor) write(folder, 'devices.allow', `c ${major}:${minor} rwm`);
      }
    }
  },
  async update(folder, allows) {
    for (const minor of [4, 5, 7]) {
      for (const major of [1, 511]) write(folder, 'devices.deny', `c ${major}:${minor} rwm`);
    }
    for (const { major, minor } of [{ major: 1, minor: 3 }, ...allows])
      write(folder, 'devices.allow', `c ${major}:${minor} rwm`);
  },
};

function write(folder: string, file: string, rule: string): void {
  writeFileSync(join(folder, file), rule);
}
