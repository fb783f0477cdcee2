import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { type PodUid, podFolders } from '../../src/ports/pod-cgroup.js';
import { SimulatedContainer } from './container.js';
import { type ContainerRules, containerRules } from './container-rules.js';
import { type CgroupVersion, mountedHierarchy } from './mounted-hierarchy.js';

/** The part of kubelet's tree that holds pods of the QoS class that is usual in a test. */
const podsFolder = '/kubepods';

/**
 * The cgroups of a node's pods: real ones of this machine, in a part of its hierarchy of their own. To the node that part
 * is all there is.
 */
export class NodeCgroups implements AsyncDisposable {
  /** Where the node's part begins in the file system. */
  readonly root: string;
  readonly version: CgroupVersion;
  readonly #rules: ContainerRules;
  readonly #folders: string[] = [];
  readonly #containers = new Map<string, SimulatedContainer>();

  /**
   * @param name - of the node's part, unlike all others of the machine
   * @throws Error where the hierarchy is not mounted, or not ours to change
   */
  constructor(version: CgroupVersion, name: string) {
    const hierarchy = mountedHierarchy(version);
    if (hierarchy === undefined) throw new Error(`cgroup v${version} is not mounted here`);
    this.root = join(hierarchy, name);
    this.version = version;
    this.#rules = containerRules(version);
    this.#make('');
  }

  /** Starts a container of a pod, whose own cgroup is made when it is the first. */
  async start(pod: PodUid, name: string): Promise<SimulatedContainer> {
    const path = `${this.folderOf(pod)}/${name}`;
    this.#makeAll(this.folderOf(pod));
    const container = await SimulatedContainer.start({ root: this.root, path, rules: this.#rules });
    this.#containers.set(path, container);
    return container;
  }

  /** Ends a container. */
  async end(container: SimulatedContainer): Promise<void> {
    this.#containers.delete(container.cgroup);
    await container[Symbol.asyncDispose]();
  }

  /** The pod's own cgroup, as its processes would name it. */
  folderOf(pod: PodUid): string {
    return `${podsFolder}/${podFolders('kubepods', pod)[1]}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of [...this.#containers.values()]) await this.end(container);
    for (const folder of this.#folders.splice(0).reverse()) rmdirSync(folder);
  }

  #makeAll(path: string): void {
    const parts = path.split('/').slice(1);
    for (const [n] of parts.entries()) this.#make(`/${parts.slice(0, n + 1).join('/')}`);
  }

  #make(path: string): void {
    const folder = join(this.root, path);
    if (existsSync(folder)) return;
    mkdirSync(folder);
    this.#folders.push(folder);
  }
}
