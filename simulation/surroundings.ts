import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SystemClock } from '../src/clock/system-clock.js';
import type { Log } from '../src/ports/log.js';
import { Es256TokenIssuer } from '../src/transport/es256-token-issuer.js';
import { CertificateAuthority } from './certificate-authority.js';
import { NodeCgroups } from './cgroups/node-cgroups.js';
import type { Cleanup } from './cleanup.js';
import { SimulatedEndpoint } from './endpoint.js';
import { SimulatedHardware } from './hardware.js';
import { fixedIdentity } from './identity.js';
import { SimulatedKubelet } from './kubelet/simulated-kubelet.js';
import { endpointOf } from './messages.js';
import { type NodeOptions, pciConfig, physicalFunctions, trustDomain } from './node-options.js';
import { SimulatedRegistry } from './registry.js';
import { mark } from './traces.js';
import { VfioNodes } from './vfio-nodes.js';
import { WorkloadApi } from './workload-api.js';

/** What surrounds the daemon on a node. */
export interface Surroundings {
  /** Of sockets and files; the daemon's own temporary folder is `tmp` in it. */
  readonly folder: string;
  readonly authority: CertificateAuthority;
  readonly hardware: SimulatedHardware;
  /** Of the node's pods; undefined when they have none. */
  readonly cgroups: NodeCgroups | undefined;
  readonly kubelet: SimulatedKubelet;
  readonly workloadApi: WorkloadApi;
  readonly registry: SimulatedRegistry;
  readonly endpoint: SimulatedEndpoint;
}

/** The network service that the node's endpoint serves. */
export const networkService = 'simulated-service';

const quiet: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => quiet,
};

/** Starts everything; the clean-up gets each part as soon as it is there. The signal is looked at between the steps. */
export async function surround(cleanup: Cleanup, options: NodeOptions, signal: AbortSignal): Promise<Surroundings> {
  const folder = await mkdtemp(join(tmpdir(), mark));
  cleanup.add(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'tmp'));
  await writeFile(join(folder, 'pci.config'), pciConfig(physicalFunctions(options)));
  const { cgroups, drivers } = options;
  const vfio = cgroups === undefined ? undefined : await VfioNodes.create(join(folder, 'vfio'));
  const pods = cgroups === undefined ? undefined : cleanup.use(new NodeCgroups(cgroups, basename(folder)));
  const hardware = cleanup.use(await SimulatedHardware.create(physicalFunctions(options), folder, { vfio, drivers }));
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
  registry.services.set(networkService, { name: networkService, payload: 'ETHERNET', matches: [], pathIds: [] });
  registry.add(endpointOf(endpoint.name, networkService, endpoint.url));
  signal.throwIfAborted();
  return { folder, authority, hardware, cgroups: pods, kubelet, workloadApi, registry, endpoint };
}

/** What a component of the mesh has: an identity, tokens in its name, a log that nobody reads. */
async function member(authority: CertificateAuthority, path: string) {
  const source = fixedIdentity(await authority.issue(path));
  const issuer = new Es256TokenIssuer({ source, clock: new SystemClock(), lifetimeMs: 600_000 });
  return { source, issuer, log: quiet };
}

/** The daemon's ordinary environment, with everything of the node in the place of the machine's. */
export function daemonEnvironment(
  { folder, hardware, cgroups }: Pick<Surroundings, 'folder' | 'hardware'> & Partial<Pick<Surroundings, 'cgroups'>>,
  name: string,
): Record<string, string> {
  return {
    NSM_NAME: name,
    NSM_CONNECT_TO: `unix://${join(folder, 'nsm.io.sock')}`,
    NSM_DIAL_TIMEOUT: '5s',
    NSM_RESOURCE_POLL_TIMEOUT: '1s',
    NSM_DEVICE_PLUGIN_PATH: join(folder, 'device-plugins'),
    NSM_POD_RESOURCES_PATH: join(folder, 'pod-resources'),
    NSM_SRIOV_CONFIG_FILE: join(folder, 'pci.config'),
    NSM_PCI_DEVICES_PATH: hardware.tree.roots.devices,
    NSM_PCI_DRIVERS_PATH: hardware.tree.roots.drivers,
    NSM_CGROUP_PATH: cgroups?.root ?? join(folder, 'cgroup'),
    NSM_VFIO_PATH: join(folder, 'vfio'),
    NSM_STATE_DIR: join(folder, 'state'),
    SPIFFE_ENDPOINT_SOCKET: `unix://${join(folder, 'agent.sock')}`,
    TMPDIR: join(folder, 'tmp'),
    NSM_LOG_LEVEL: 'INFO',
    NSM_LOG_FORMAT: 'json',
  };
}
