import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SimulatedContainer } from '../../simulation/cgroups/container.js';
import type { PodUid } from '../../src/ports/pod-cgroup.js';

interface Parts {
  readonly container: SimulatedContainer;
  /** The client's `/dev/vfio`. */
  readonly folder: string;
  readonly uid: PodUid;
}

/** A pod whose only container is a cgroup of this machine: what its processes may open, the kernel decides. */
export class PodWithDevices {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  static async create(parts: Parts): Promise<PodWithDevices> {
    await mkdir(parts.folder);
    return new PodWithDevices(parts);
  }

  /** What starts a command as the container's own. A shell loses variables whose names it could not write, as tokens' are. */
  entry(variables: Readonly<Record<string, string>>): readonly string[] {
    const { folder } = this.#parts.container;
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    return ['/bin/sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', folder, '/usr/bin/env', ...assignments];
  }

  /**
   * What a client in the pod is told: where it makes nodes, and its cgroup. A stock client reads that from its
   * `/proc/self/cgroup`, which is another one where the node is not the whole machine, and fails there on cgroup v2.
   */
  get args(): readonly string[] {
    const { folder, uid } = this.#parts;
    return ['-vfio', folder, '-cgroup', `kubepods/burstable/pod${uid}/*`];
  }

  /** What comes of it when the pod opens a node of its own `/dev/vfio`. */
  open(name: string): Promise<string> {
    return this.openAt(join(this.#parts.folder, name));
  }

  /** The same with a node that somebody else has made. */
  openAt(path: string): Promise<string> {
    return this.#parts.container.open(path);
  }

  /** The path of a node of its own. */
  node(name: string): string {
    return join(this.#parts.folder, name);
  }
}
