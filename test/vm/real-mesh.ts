import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../simulation/certificate-authority.js';
import { Cleanup } from '../../simulation/cleanup.js';
import { SimulatedClient } from '../../simulation/client.js';
import { DaemonProcess } from '../../simulation/daemon-process.js';
import { SimulatedEndpoint } from '../../simulation/endpoint.js';
import { fixedIdentity } from '../../simulation/identity.js';
import { SimulatedKubelet } from '../../simulation/kubelet/simulated-kubelet.js';
import { endpointOf } from '../../simulation/messages.js';
import { SimulatedRegistry } from '../../simulation/registry.js';
import { WorkloadApi } from '../../simulation/workload-api.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import { openOwnNetworkNamespace } from '../../src/native/network-namespace.js';
import type { Log } from '../../src/ports/log.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { type PodUid, parsePodUid } from '../../src/ports/pod-cgroup.js';
import { Es256TokenIssuer } from '../../src/transport/es256-token-issuer.js';

const daemonName = 'forwarder-on-real-cards';
const networkService = 'wired-service';
/** Under which all VFs are offered. */
export const resource = 'real.node/1G';

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => quiet,
};

/** All that the daemon needs around it, but for the cards: those are the machine's. */
export class RealMesh implements AsyncDisposable {
  readonly kubelet: SimulatedKubelet;
  readonly endpoint: SimulatedEndpoint;
  readonly #cleanup: Cleanup;
  readonly #registry: SimulatedRegistry;
  readonly #authority: CertificateAuthority;
  /** Of sockets and files, the daemon's state below it. */
  readonly folder: string;
  #daemon: DaemonProcess | undefined;
  #wished: Readonly<Record<string, string>> = {};
  #podsSoFar = 0;
  readonly #pods = new Set<string>();

  private constructor(parts: Parts) {
    this.kubelet = parts.kubelet;
    this.endpoint = parts.endpoint;
    this.#cleanup = parts.cleanup;
    this.#registry = parts.registry;
    this.#authority = parts.authority;
    this.folder = parts.folder;
  }

  static async start(): Promise<RealMesh> {
    const cleanup = new Cleanup();
    const folder = await mkdtemp(join(tmpdir(), 'mesh-'));
    cleanup.add(() => rm(folder, { recursive: true }));
    const kubelet = cleanup.use(
      new SimulatedKubelet({ devicePluginPath: join(folder, 'plugins'), podResourcesPath: join(folder, 'pods') }),
    );
    await kubelet.start();
    const authority = await CertificateAuthority.create('real.node');
    cleanup.use(await WorkloadApi.start(`unix://${join(folder, 'agent.sock')}`, await authority.issue('/forwarder')));
    const member = async (path: string, socket: string) => {
      const source = fixedIdentity(await authority.issue(path));
      const issuer = new Es256TokenIssuer({ source, clock: new SystemClock(), lifetimeMs: 600_000 });
      return { source, issuer, log: quiet, url: `unix://${join(folder, socket)}` };
    };
    const registry = cleanup.use(await SimulatedRegistry.start(await member('/manager', 'manager.sock')));
    const endpoint = cleanup.use(
      await SimulatedEndpoint.start({ name: 'endpoint-0', ...(await member('/endpoint', 'endpoint.sock')) }),
    );
    registry.services.set(networkService, { name: networkService, payload: 'ETHERNET', matches: [], pathIds: [] });
    registry.add(endpointOf(endpoint.name, networkService, endpoint.url));
    return new RealMesh({ cleanup, folder, kubelet, authority, registry, endpoint });
  }

  /** Starts the compiled daemon on these PFs; resolves when it is registered everywhere. */
  async startDaemon({ physicalFunctions, numVfs, env = {} }: DaemonWish, signal: AbortSignal): Promise<DaemonProcess> {
    const pf = { pfKernelDriver: 'igb', vfKernelDriver: 'igbvf', capabilities: ['1G'], serviceDomains: ['real.node'] };
    const config = {
      physicalFunctions: Object.fromEntries(physicalFunctions.map((it) => [it, { ...pf, numVFs: numVfs }])),
    };
    // JSON is YAML.
    await writeFile(join(this.folder, 'pci.config'), JSON.stringify(config));
    this.#wished = env;
    return this.restartDaemon(signal);
  }

  /** Starts it on the same PFs after its end. */
  async restartDaemon(signal: AbortSignal): Promise<DaemonProcess> {
    const daemon = this.launchDaemon();
    await daemon.logged('phase: registered', signal);
    await this.kubelet.until(() => (this.kubelet.resource(resource)?.allocatable ?? 0) > 0, signal);
    return daemon;
  }

  /** The same, and waits for nothing. */
  launchDaemon(): DaemonProcess {
    const home = this.#cleanup.use(openOwnNetworkNamespace());
    const options = { home, env: this.#environment(), program: 'compiled' } as const;
    this.#daemon = this.#cleanup.use(new DaemonProcess(options));
    return this.#daemon;
  }

  /** @throws Error before it was started */
  get daemon(): DaemonProcess {
    if (this.#daemon === undefined) throw new Error('the daemon was not started');
    return this.#daemon;
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  /** A client with a namespace of its own, and the token of a pod that kubelet admitted for it. */
  async client(): Promise<PodClient> {
    this.#podsSoFar += 1;
    const name = `pod-${this.#podsSoFar}`;
    this.#pods.add(name);
    const wish = { namespace: 'default', name, container: 'main', requests: { [resource]: 1 } };
    const { [`NSM_SRIOV_TOKENS_${resource}`]: token = '' } = await this.kubelet.addPod(wish);
    const client = new SimulatedClient({
      name,
      networkService,
      source: fixedIdentity(await this.#authority.issue(`/client/${name}`)),
      forwarder: () => this.#registry.urlOf(daemonName),
    });
    const pod = parsePodUid(this.kubelet.uidOf('default', name));
    return { client: this.#cleanup.use(client), token, pod };
  }

  /** All pods are gone, and the daemon, which believes it after two polls, knows: their tokens are anybody's again. */
  async removePods(signal: AbortSignal): Promise<void> {
    for (const name of this.#pods) this.kubelet.removePod('default', name);
    this.#pods.clear();
    const enough = this.kubelet.lists.length + 4;
    await this.kubelet.until(() => this.kubelet.lists.length >= enough, signal);
  }

  /** True while the registry lists the daemon. */
  get listed(): boolean {
    return this.#registry.names.includes(daemonName);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  #environment(): Record<string, string> {
    const at = (name: string) => join(this.folder, name);
    return {
      NSM_NAME: daemonName,
      NSM_CONNECT_TO: `unix://${at('manager.sock')}`,
      NSM_DIAL_TIMEOUT: '30s',
      NSM_REGISTRY_CLIENT_POLICIES: '',
      NSM_RESOURCE_POLL_TIMEOUT: '2s',
      NSM_DEVICE_PLUGIN_PATH: at('plugins'),
      NSM_POD_RESOURCES_PATH: at('pods'),
      NSM_CGROUP_PATH: '/sys/fs/cgroup/devices',
      NSM_VFIO_PATH: '/dev/vfio',
      NSM_STATE_DIR: this.stateFolder,
      NSM_SRIOV_CONFIG_FILE: at('pci.config'),
      SPIFFE_ENDPOINT_SOCKET: `unix://${at('agent.sock')}`,
      ...this.#wished,
    };
  }
}

/** What a pod has of its own. */
export interface PodClient {
  readonly client: SimulatedClient;
  readonly token: string;
  readonly pod: PodUid;
}

/** What a daemon is started with, it and those that follow it. */
export interface DaemonWish {
  readonly physicalFunctions: readonly PciAddress[];
  readonly numVfs: number;
  /** Beside what it needs here. */
  readonly env?: Readonly<Record<string, string>>;
}

interface Parts {
  readonly cleanup: Cleanup;
  readonly folder: string;
  readonly kubelet: SimulatedKubelet;
  readonly authority: CertificateAuthority;
  readonly registry: SimulatedRegistry;
  readonly endpoint: SimulatedEndpoint;
}
