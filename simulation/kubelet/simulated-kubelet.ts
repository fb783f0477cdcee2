import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Device, RegisterRequest } from '../../apis/generated/deviceplugin-v1beta1.js';
import { admit } from './admission.js';
import { type AdmittedPod, Checkpoint, type PodWish } from './checkpoint.js';
import { DeviceManager } from './device-manager.js';
import { type KubeletFaults, noFaults } from './faults.js';
import { PluginEndpoint } from './plugin-endpoint.js';
import { isExtendedResourceName } from './resource-rule.js';
import { addPodResources, addRegistration } from './services.js';
import { UnixServer } from './unix-server.js';

/** Where the simulated kubelet lives, and how it differs from a present one. */
export interface SimulatedKubeletOptions {
  readonly devicePluginPath: string;
  readonly podResourcesPath: string;
  /** How long it tries a plugin's socket, in milliseconds; kubelet's own 10,000 unless told. */
  readonly dialTimeout?: number;
  /** Versions of the pod-resources API; both unless told. */
  readonly podResourcesVersions?: readonly ('v1' | 'v1alpha1')[];
}

/** How kubelet ends: in order, or with its sockets left behind. */
export type Ending = 'TERM' | 'KILL';

/** A resource's devices as node status would count them. */
export interface ResourceCount {
  readonly capacity: number;
  readonly allocatable: number;
  readonly devices: readonly Device[];
}

/**
 * A small kubelet: its two sockets, its device manager with the behaviour (and the faults) of the real one towards
 * plugins, and pods that are admitted and removed by call. Its checkpoint outlives {@link SimulatedKubelet.restart}.
 */
export class SimulatedKubelet implements AsyncDisposable {
  readonly faults: KubeletFaults = noFaults();
  /** Every RegisterRequest that arrived, oldest first. */
  readonly registrations: RegisterRequest[] = [];
  /** The API version of every List that arrived, oldest first. */
  readonly lists: ('v1' | 'v1alpha1')[] = [];
  readonly #options: SimulatedKubeletOptions;
  readonly #checkpoint: Checkpoint;
  readonly #waiting = new Set<() => void>();
  #devices = new DeviceManager(() => this.#devicesChanged());
  #servers: UnixServer[] = [];

  constructor(options: SimulatedKubeletOptions) {
    this.#options = options;
    this.#checkpoint = new Checkpoint(options.devicePluginPath);
  }

  /** Comes up as kubelet does: removes every socket from the plugin folder, then serves. */
  async start(): Promise<void> {
    const { devicePluginPath, podResourcesPath, podResourcesVersions = ['v1', 'v1alpha1'] } = this.#options;
    await mkdir(devicePluginPath, { recursive: true, mode: 0o750 });
    await mkdir(podResourcesPath, { recursive: true, mode: 0o750 });
    await removeSockets(devicePluginPath);
    await removeSockets(podResourcesPath);
    const { faults } = this;
    const onList = (version: 'v1' | 'v1alpha1') => {
      this.lists.push(version);
      this.#changed();
    };
    this.#devices = new DeviceManager(() => this.#devicesChanged());
    const parts = { faults, onList, devices: this.#devices, pods: () => this.#checkpoint.pods };
    this.#servers = [
      await UnixServer.listen(join(podResourcesPath, 'kubelet.sock'), (server) =>
        addPodResources(server, parts, podResourcesVersions),
      ),
      await UnixServer.listen(join(devicePluginPath, 'kubelet.sock'), (server) =>
        addRegistration(server, faults, (request) => this.#register(request)),
      ),
    ];
  }

  /** Goes away; plugins see their streams end. Pods keep their devices. */
  async stop(ending: Ending = 'TERM'): Promise<void> {
    this.#devices.close();
    const servers = this.#servers;
    this.#servers = [];
    await Promise.all(servers.map((server) => server.close(ending === 'KILL')));
  }

  async restart(ending: Ending = 'TERM'): Promise<void> {
    await this.stop(ending);
    await this.start();
  }

  /**
   * Admits a pod and returns the environment its container gets from device plugins.
   *
   * @throws Error with kubelet's text when devices are missing, or the plugin's error
   */
  async addPod(wish: PodWish): Promise<Record<string, string>> {
    const pod = await admit(wish, this.#devices, this.#checkpoint);
    return environmentOf(pod);
  }

  /** What Kubernetes calls an admitted pod by. @throws Error when it was not admitted */
  uidOf(namespace: string, name: string): string {
    const pod = this.#checkpoint.find(namespace, name);
    if (pod === undefined) throw new Error(`there is no pod ${name} in namespace ${namespace}`);
    return pod.uid;
  }

  /** The pod is gone at once, and no plugin hears of it. */
  removePod(namespace: string, name: string): void {
    this.#checkpoint.remove(namespace, name);
  }

  /** What the checkpoint says: ids held, by resource. */
  held(resource: string): ReadonlySet<string> {
    return this.#checkpoint.held(resource);
  }

  /** Undefined when no plugin of this resource ever registered with this kubelet process. */
  resource(name: string): ResourceCount | undefined {
    const known = this.#devices.find(name);
    if (known === undefined) return undefined;
    const { devices } = known;
    const allocatable = devices.filter(({ health }) => health === 'Healthy').length;
    return { capacity: devices.length, allocatable, devices };
  }

  /** Device streams that are open now. */
  get streams(): number {
    return this.#devices.streams;
  }

  /** Ends the stream of one plugin and lives on. */
  disconnect(resource: string): void {
    this.#devices.disconnect(resource);
  }

  /** Takes all devices of the resource for lost, and goes on reading its stream. */
  forget(resource: string): void {
    this.#devices.forget(resource);
  }

  /** Resolves when the condition holds; it is looked at after everything a plugin says. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    while (!condition()) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #register(request: RegisterRequest): Promise<void> {
    this.registrations.push(request);
    this.#changed();
    const { version, resourceName, endpoint: name } = request;
    if (this.faults.registerError !== undefined) throw new Error(this.faults.registerError);
    if (version !== 'v1beta1') throw new Error(`unsupported version ${version}`);
    if (!isExtendedResourceName(resourceName)) throw new Error(`invalid resource name ${resourceName}`);
    const devices = this.#devices;
    const { devicePluginPath, dialTimeout = 10_000 } = this.#options;
    const endpoint = new PluginEndpoint(isAbsolute(name) ? devicePluginPath + name : join(devicePluginPath, name));
    try {
      await endpoint.connect(dialTimeout);
      const options = await endpoint.options();
      devices.register(resourceName, endpoint, options);
    } catch (thrown) {
      endpoint.close();
      throw thrown;
    }
    this.#changed();
  }

  /** Every list of a plugin is worth a checkpoint to kubelet. */
  #devicesChanged(): void {
    if (this.#servers.length > 0) this.#checkpoint.write();
    this.#changed();
  }

  #changed(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

async function removeSockets(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    // A plugin may be removing its own at the same time.
    const facts = await lstat(path).catch(() => undefined);
    if (facts?.isSocket() === true) await rm(path, { force: true });
  }
}

function environmentOf({ grants }: AdmittedPod): Record<string, string> {
  return Object.assign({}, ...[...grants.values()].map(({ response }) => response.envs));
}
