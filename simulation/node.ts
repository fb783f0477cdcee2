import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../src/clock/system-clock.js';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import type { CertificateSource, X509Material } from '../src/ports/identity.js';
import type { Mac } from '../src/ports/links.js';
import type { Log } from '../src/ports/log.js';
import { Es256TokenIssuer } from '../src/transport/es256-token-issuer.js';
import { CertificateAuthority } from './certificate-authority.js';
import { Cleanup } from './cleanup.js';
import { SimulatedClient } from './client.js';
import { DaemonProcess } from './daemon-process.js';
import { SimulatedEndpoint } from './endpoint.js';
import { SimulatedHardware } from './hardware.js';
import { fixedIdentity } from './identity.js';
import { SimulatedKubelet } from './kubelet/simulated-kubelet.js';
import { endpointOf } from './messages.js';
import { pathOf } from './network/fresh-namespace.js';
import { layCable } from './network/links.js';
import type { SimulatedPf } from './pci-tree/options.js';
import { SimulatedRegistry } from './registry.js';
import { mark } from './traces.js';
import { WorkloadApi } from './workload-api.js';

/** A PF of the node with what `pci.config` says of it. */
export interface NodePf extends SimulatedPf {
  readonly capabilities?: readonly string[];
  readonly serviceDomains?: readonly string[];
}

export interface NodeOptions {
  /** One PF at 01:00.0 with 4 VFs, `simulated.node/10G`, unless told. */
  readonly physicalFunctions?: readonly NodePf[];
  /** Settings of the daemon in the place of the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: 'compiled' | 'source';
}

const usualPf: NodePf = { address: '0000:01:00.0', totalVfs: 8, vfs: 4 };
const trustDomain = 'simulated.node';
const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => quiet,
};

/** What surrounds the daemon, once it is there. */
interface Surroundings {
  readonly folder: string;
  readonly authority: CertificateAuthority;
  readonly hardware: SimulatedHardware;
  readonly kubelet: SimulatedKubelet;
  readonly workloadApi: WorkloadApi;
  readonly registry: SimulatedRegistry;
  readonly endpoint: SimulatedEndpoint;
}

/**
 * A node with everything that a forwarder needs around it, all in this process and on the running kernel: cards, kubelet,
 * certificates, registry, an endpoint. The daemon itself is the real one, as a child process with its ordinary
 * environment. Disposing the node ends and removes all of it.
 */
export class SimulatedNode implements AsyncDisposable {
  readonly networkService = 'simulated-service';
  readonly daemonName = 'forwarder-on-simulated-node';
  readonly #cleanup: Cleanup;
  readonly #options: NodeOptions;
  readonly #parts: Surroundings;
  #daemon: DaemonProcess | undefined;
  #uplinks = 0;

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

  /** Starts the daemon, once or again after its end; resolves when it is registered with kubelet and the registry. */
  async startDaemon(signal: AbortSignal): Promise<DaemonProcess> {
    const { folder, hardware, registry, kubelet } = this.#parts;
    const env = { ...daemonEnvironment(folder, hardware, this.daemonName), ...this.#options.env };
    const { program } = this.#options;
    const daemon = new DaemonProcess({ home: hardware.home, env, ...(program !== undefined && { program }) });
    this.#daemon = this.#cleanup.use(daemon);
    await daemon.logged('phase: registered', signal);
    await registry.until(() => registry.names.includes(this.daemonName), signal);
    await kubelet.until(() => this.resources.every((name) => (kubelet.resource(name)?.capacity ?? 0) > 0), signal);
    return daemon;
  }

  /** Admits a pod that asks for one VF of each named resource, the first one unless told; returns its tokens. */
  async admitPod(name: string, resources: readonly string[] = this.resources.slice(0, 1)): Promise<string[]> {
    const requests = Object.fromEntries(resources.map((resource) => [resource, 1]));
    const env = await this.kubelet.addPod({ namespace: 'default', name, container: 'main', requests });
    return resources.map((resource) => tokenOf(env, resource));
  }

  /** A client with an identity and a namespace of its own. */
  async client(name: string): Promise<SimulatedClient> {
    const { authority, hardware, registry } = this.#parts;
    const client = new SimulatedClient({
      name,
      networkService: this.networkService,
      source: await identity(authority, `/client/${name}`),
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

async function surround(cleanup: Cleanup, options: NodeOptions, signal: AbortSignal): Promise<Surroundings> {
  const folder = await mkdtemp(join(tmpdir(), mark));
  cleanup.add(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'tmp'));
  await writeFile(join(folder, 'pci.config'), pciConfig(physicalFunctions(options)));
  const hardware = cleanup.use(await SimulatedHardware.create(physicalFunctions(options), folder));
  signal.throwIfAborted();
  const kubelet = cleanup.use(
    new SimulatedKubelet({
      devicePluginPath: join(folder, 'device-plugins'),
      podResourcesPath: join(folder, 'pod-resources'),
    }),
  );
  await kubelet.start();
  signal.throwIfAborted();
  const authority = await CertificateAuthority.create(trustDomain);
  const workloadApi = cleanup.use(
    await WorkloadApi.start(`unix://${join(folder, 'agent.sock')}`, await authority.issue('/forwarder')),
  );
  signal.throwIfAborted();
  const registry = cleanup.use(
    await SimulatedRegistry.start({
      url: `unix://${join(folder, 'nsm.io.sock')}`,
      ...(await member(authority, '/manager')),
    }),
  );
  const endpoint = cleanup.use(
    await SimulatedEndpoint.start({
      name: 'endpoint-0',
      url: `unix://${join(folder, 'endpoint.sock')}`,
      ...(await member(authority, '/endpoint')),
      beforeAnswer: () => hardware.settled(),
    }),
  );
  registry.services.set('simulated-service', {
    name: 'simulated-service',
    payload: 'ETHERNET',
    matches: [],
    pathIds: [],
  });
  registry.add(endpointOf(endpoint.name, 'simulated-service', endpoint.url));
  signal.throwIfAborted();
  return { folder, authority, hardware, kubelet, workloadApi, registry, endpoint };
}

/** What a component of the mesh has: an identity, tokens in its name, a log that nobody reads. */
async function member(authority: CertificateAuthority, path: string) {
  const source = await identity(authority, path);
  const issuer = new Es256TokenIssuer({ source, clock: new SystemClock(), lifetimeMs: 600_000 });
  return { source, issuer, log: quiet };
}

async function identity(authority: CertificateAuthority, path: string): Promise<CertificateSource> {
  return fixedIdentity(await authority.issue(path));
}

function physicalFunctions({ physicalFunctions: given = [usualPf] }: NodeOptions): readonly NodePf[] {
  return given;
}

function namesOf({ serviceDomains = [trustDomain], capabilities = ['10G'] }: NodePf): string[] {
  return serviceDomains.flatMap((domain) => capabilities.map((capability) => `${domain}/${capability}`));
}

function pciConfig(pfs: readonly NodePf[]): string {
  const entries = pfs.map((pf) => {
    const { address, driver = 'igb', vfDriver = 'igbvf', capabilities = ['10G'], serviceDomains = [trustDomain] } = pf;
    const text = { pfKernelDriver: driver, vfKernelDriver: vfDriver, capabilities, serviceDomains };
    return [address, text] as const;
  });
  // JSON is YAML.
  return JSON.stringify({ physicalFunctions: Object.fromEntries(entries) }, undefined, 2);
}

function daemonEnvironment(folder: string, hardware: SimulatedHardware, name: string): Record<string, string> {
  return {
    NSM_NAME: name,
    NSM_CONNECT_TO: `unix://${join(folder, 'nsm.io.sock')}`,
    NSM_DIAL_TIMEOUT: '5s',
    NSM_REGISTRY_CLIENT_POLICIES: '',
    NSM_RESOURCE_POLL_TIMEOUT: '1s',
    NSM_DEVICE_PLUGIN_PATH: join(folder, 'device-plugins'),
    NSM_POD_RESOURCES_PATH: join(folder, 'pod-resources'),
    NSM_SRIOV_CONFIG_FILE: join(folder, 'pci.config'),
    NSM_PCI_DEVICES_PATH: hardware.tree.roots.devices,
    NSM_PCI_DRIVERS_PATH: hardware.tree.roots.drivers,
    NSM_CGROUP_PATH: join(folder, 'cgroup'),
    NSM_VFIO_PATH: join(folder, 'vfio'),
    SPIFFE_ENDPOINT_SOCKET: `unix://${join(folder, 'agent.sock')}`,
    TMPDIR: join(folder, 'tmp'),
    NSM_LOG_LEVEL: 'INFO',
  };
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
