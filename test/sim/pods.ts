import type { DeviceNumber } from '../../src/ports/device-access.js';
import { ForwarderError } from '../../src/ports/error.js';
import { type PodUid, parsePodUid } from '../../src/ports/pod-cgroup.js';
import type { PodOwners, TokenHolder } from '../../src/ports/pod-owners.js';
import type { CallGate } from './call-gate.js';
import { CgroupTree, key, podPath, type SimCgroup } from './cgroup-tree.js';
import type { PciTree } from './pci-tree.js';

/** Pods as kubelet and the container runtime make them. What is done here happens at once. */
export class Pods {
  readonly tree: CgroupTree;
  readonly #pci: PciTree;
  readonly #holders = new Map<string, TokenHolder>();
  readonly #starts = new Map<string, number>();

  constructor(version: 1 | 2, pci: PciTree) {
    this.tree = new CgroupTree(version);
    this.#pci = pci;
  }

  /** A pod with a container of each name, which holds these tokens. */
  add(
    uid: string,
    { containers = ['main'], tokens = [] }: { containers?: readonly string[]; tokens?: readonly string[] } = {},
  ): PodUid {
    const pod = parsePodUid(uid);
    this.tree.addPod(pod);
    for (const name of containers) this.startContainer(pod, name);
    for (const token of tokens) this.#holders.set(token, { pod, container: containers[0] ?? 'main' });
    return pod;
  }

  /** Runtimes give every start of a container a cgroup of another name. */
  startContainer(pod: PodUid, name: string): SimCgroup {
    const start = (this.#starts.get(`${pod}/${name}`) ?? 0) + 1;
    this.#starts.set(`${pod}/${name}`, start);
    return this.tree.addContainer(this.#folder(pod), `${name}-${start}`);
  }

  stopContainer(pod: PodUid, name: string): void {
    this.tree.remove(this.container(pod, name));
  }

  restartContainer(pod: PodUid, name: string): SimCgroup {
    this.stopContainer(pod, name);
    return this.startContainer(pod, name);
  }

  /** Kubelet or an administrator changes the container's resources, upon which the runtime writes all its rules. */
  updateContainer(pod: PodUid, name: string): void {
    this.tree.update(this.container(pod, name));
  }

  /** The pod is gone with all that it had. */
  remove(pod: PodUid): void {
    this.tree.remove(this.#folder(pod));
    for (const [token, holder] of this.#holders) if (holder.pod === pod) this.#holders.delete(token);
  }

  container(pod: PodUid, name: string): SimCgroup {
    const found = this.tree.of(pod).find(({ path }) => new RegExp(`/${name}-\\d+$`).test(path));
    if (found === undefined) throw new Error(`pod ${pod} has no container ${name}`);
    return found;
  }

  /** A process of the container may open the device. */
  mayOpen(pod: PodUid, name: string, device: DeviceNumber): boolean {
    return this.tree.allows(this.container(pod, name), device);
  }

  /** {@link PodOwners} of one process. */
  owners(gate: CallGate): PodOwners {
    return {
      holderOf: (token, signal) =>
        gate.call(`owners.holderOf ${token}`, signal, () => {
          const holder = this.#holders.get(token);
          if (holder === undefined) throw new ForwarderError('not-found', `no pod has token ${token}`);
          return holder;
        }),
    };
  }

  /** Sorted text of all that containers may use beside what is usual; device nodes by what is behind them. */
  snapshot(): readonly string[] {
    return this.tree.all().flatMap(({ path, rules, block }) => {
      const extra = rules.kind === 'only' ? [...rules.devices].filter((it) => it !== '1:3') : [];
      const devices = [...extra, ...block].map((it) => this.#named(it)).sort();
      return [`cgroup ${path}${devices.length === 0 ? '' : ` may use ${devices.join(', ')}`}`];
    });
  }

  #named(text: string): string {
    const [major = 0, minor = 0] = text.split(':').map(Number);
    const group = this.#pci.vfio.named({ major, minor });
    return group === undefined ? key({ major, minor }) : `group ${group}`;
  }

  #folder(pod: PodUid): SimCgroup {
    const found = this.tree.of(pod).find(({ path }) => path === podPath(pod));
    if (found === undefined) throw new Error(`there is no pod ${pod}`);
    return found;
  }
}
