import { join } from 'node:path';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import type { X509Material } from '../src/ports/identity.js';
import type { Mac } from '../src/ports/links.js';
import { parsePodUid } from '../src/ports/pod-cgroup.js';
import type { SimulatedContainer } from './cgroups/container.js';
import { Cleanup } from './cleanup.js';
import { SimulatedClient } from './client.js';
import { DaemonProcess } from './daemon-process.js';
import type { SimulatedEndpoint } from './endpoint.js';
import type { SimulatedHardware } from './hardware.js';
import { fixedIdentity } from './identity.js';
import type { SimulatedKubelet } from './kubelet/simulated-kubelet.js';
import { pathOf } from './network/fresh-namespace.js';
import { layCable } from './network/links.js';
import { type NodeOptions, namesOf, physicalFunctions } from './node-options.js';
import type { SimulatedRegistry } from './registry.js';
import { daemonEnvironment, networkService, type Surroundings, surround } from './surroundings.js';
import type { WorkloadApi } from './workload-api.js';

/**
 * A node with everything that a forwarder needs around it, all in this process and on the running kernel: cards, kubelet,
 * certificates, registry, an endpoint. The daemon itself is the real one, as a child process with its ordinary
 * environment. Disposing the node ends and removes all of it.
 */
export class SimulatedNode implements AsyncDisposable {
  readonly networkService = networkService;
  readonly daemonName = 'forwarder-on-simulated-node';
  readonly #cleanup: Cleanup;
  readonly #options: NodeOptions;
  readonly #parts: Surroundings;
  readonly #containers = new Map<string, SimulatedContainer>();
  #daemon: DaemonProcess | undefined;
  #uplinks = 0;
  #containersStarted = 0;

  private constructor(cleanup: Cleanup, options: NodeOptions, parts: Surroundings) {
    this.#cleanup = cleanup;
    this.#options = options;
    this.#parts = parts;
  }

  /** Everything but the daemon. The signal is looked at between the steps; what was begun is then undone. */
  static async create(options: NodeOptions, signal: AbortSignal): Promise<SimulatedNode> {
    const cleanup = new Cleanup();
    try {
      return new SimulatedNode(cleanup, options, await surround(cleanup, options, signal));
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  get hardware(): SimulatedHardware {
    return this.#parts.hardware;
  }

  get kubelet(): SimulatedKubelet {
    return this.#parts.kubelet;
  }

  get registry(): SimulatedRegistry {
    return this.#parts.registry;
  }

  get endpoint(): SimulatedEndpoint {
    return this.#parts.endpoint;
  }

  get workloadApi(): WorkloadApi {
    return this.#parts.workloadApi;
  }

  /** A new identity of the node's trust domain, for a component that somebody adds to the node. */
  issue(path: string): Promise<X509Material> {
    return this.#parts.authority.issue(path);
  }

  /** The node's folder of sockets and files. */
  get folder(): string {
    return this.#parts.folder;
  }

  /** @throws Error before {@link startDaemon} */
  get daemon(): DaemonProcess {
    if (this.#daemon === undefined) throw new Error('the daemon was not started');
    return this.#daemon;
  }

  /** Names under which the node offers its VFs: kubelet's resources. */
  get resources(): readonly string[] {
    return physicalFunctions(this.#options).flatMap(namesOf);
  }

  /** The daemon's, all of it. */
  get environment(): Readonly<Record<string, string>> {
    return { ...daemonEnvironment(this.#parts, this.daemonName), ...this.#options.env };
  }

  /** Starts the daemon, once or again after its end, and waits for nothing. */
  launchDaemon(): DaemonProcess {
    const { program } = this.#options;
    const home = this.#parts.hardware.home;
    const daemon = new DaemonProcess({ home, env: this.environment, ...(program !== undefined && { program }) });
    this.#daemon = this.#cleanup.use(daemon);
    return daemon;
  }

  /** {@link launchDaemon}; resolves when it is registered with the registry and this kubelet. */
  async startDaemon(signal: AbortSignal): Promise<DaemonProcess> {
    const { registry, kubelet } = this.#parts;
    const daemon = this.launchDaemon();
    await daemon.logged('phase: registered', signal);
    await registry.until(() => registry.names.includes(this.daemonName), signal);
    if (this.#options.otherKubelet === true) return daemon;
    await kubelet.until(() => this.resources.every((name) => (kubelet.resource(name)?.allocatable ?? 0) > 0), signal);
    return daemon;
  }

  /**
   * Admits a pod that asks for one VF of each named resource, the first one unless told; returns its tokens. Its container
   * starts where pods have cgroups.
   */
  async admitPod(name: string, resources: readonly string[] = this.resources.slice(0, 1)): Promise<string[]> {
    const requests = Object.fromEntries(resources.map((resource) => [resource, 1]));
    const env = await this.kubelet.addPod({ namespace: 'default', name, container: 'main', requests });
    if (this.#parts.cgroups !== undefined) await this.startContainer(name);
    return resources.map((resource) => tokenOf(env, resource));
  }

  /** The container of an admitted pod. @throws Error where pods have no cgroups */
  container(pod: string): SimulatedContainer {
    const container = this.#containers.get(pod);
    if (container === undefined) throw new Error(`pod ${pod} has no container`);
    return container;
  }

  /** Starts the container of an admitted pod, again when it had one: in another cgroup then. */
  async startContainer(pod: string): Promise<SimulatedContainer> {
    const { cgroups, kubelet } = this.#parts;
    if (cgroups === undefined) throw new Error('pods of this node have no cgroups');
    const former = this.#containers.get(pod);
    if (former !== undefined) await cgroups.end(former);
    this.#containersStarted += 1;
    const uid = parsePodUid(kubelet.uidOf('default', pod));
    const container = await cgroups.start(uid, `main-${this.#containersStarted}`);
    this.#containers.set(pod, container);
    return container;
  }

  /** The node's `/dev/vfio`. */
  get vfioFolder(): string {
    return join(this.folder, 'vfio');
  }

  /** A client with a namespace of its own, and with an identity of its own unless it shares one. */
  async client(name: string, identity = name): Promise<SimulatedClient> {
    const { authority, hardware, registry } = this.#parts;
    const client = new SimulatedClient({
      name,
      networkService: this.networkService,
      source: fixedIdentity(await authority.issue(`/client/${identity}`)),
      forwarder: () => registry.urlOf(this.daemonName),
      onEnd: (namespace) => hardware.released(inodeOf(namespace)),
    });
    hardware.hold(pathOf(client.namespace));
    return this.#cleanup.use(client);
  }

  /** Gives a client a link of its own beside what the forwarder brings, as every pod has one; up, with an address. */
  async plugIn(
    client: SimulatedClient,
    { name, address }: { readonly name: string; readonly address: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { hardware } = this.#parts;
    this.#uplinks += 1;
    const number = this.#uplinks
      .toString(16)
      .padStart(4, '0')
      .replace(/(..)(..)/, '$1:$2');
    const end = { namespace: client.namespace, name, mac: `0a:5f:00:00:${number}` as Mac };
    await layCable(end, {
      namespace: hardware.far,
      name: `uplink${this.#uplinks}`,
      mac: `0e:5f:00:00:${number}` as Mac,
    });
    using namespace = hardware.kernel.open(pathOf(client.namespace));
    const link = await namespace.links.find({ name }, signal);
    if (link === undefined) throw new Error(`${name} is gone`);
    await namespace.addressing.add([{ kind: 'address', index: link.index, cidr: address }], signal);
    await namespace.links.change(link.index, { up: true }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

/** The token that a pod's environment names for a resource (nsm-wire 2.3). */
function tokenOf(env: Readonly<Record<string, string>>, resource: string): string {
  const [token] = env[`NSM_SRIOV_TOKENS_${resource}`]?.split(',') ?? [];
  if (token === undefined) throw new Error(`no token of ${resource} in ${JSON.stringify(env)}`);
  return token;
}

function inodeOf(namespace: NamespaceFile): bigint {
  return BigInt(namespace.id.split('/')[1] ?? '0');
}
