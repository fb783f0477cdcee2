import { randomUUID } from 'node:crypto';
import type { DevicePlugin } from '../deviceplugin/device-plugin.js';
import { createForwarder, type TakeOverReport } from '../forwarder/forwarder.js';
import { directoryOver } from '../forwarder/grpc/directory.js';
import { EndpointSockets } from '../forwarder/grpc/endpoint-sockets.js';
import { nextHopsOver } from '../forwarder/grpc/next-hops.js';
import { KernelNamespaces } from '../link/kernel-namespaces.js';
import { SysfsPciBus } from '../pci/sysfs-pci-bus.js';
import { SysfsProvisioning } from '../pci/sysfs-provisioning.js';
import { WriteHelpers } from '../pci/write-helpers.js';
import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { Telemetry } from '../ports/telemetry.js';
import { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';
import { TokenUsers } from '../resourcepool/token-users.js';
import type { Settings } from '../settings/environment/settings.js';
import type { PciConfig } from '../settings/pci-config/pci-config.js';
import { Channels } from '../transport/channels.js';
import { Es256TokenIssuer } from '../transport/es256-token-issuer.js';
import { WorkloadApiSource } from '../transport/workload-api-source.js';
import { Admission, type AdmissionParts, podDoor } from './admission.js';
import { buildCatalogue } from './build-catalogue.js';
import { choosePolicies } from './choose-policies.js';
import { followNode } from './follow-node.js';
import { functionsFromPool } from './functions-from-pool.js';
import { gauge } from './gauges.js';
import { socketUrlText } from './listen-address.js';
import { openState } from './open-state.js';
import { openVfio } from './open-vfio.js';
import { provision } from './provision.js';
import { reportVfio } from './report-vfio.js';
import { restoreTokens } from './restore-tokens.js';
import { serve } from './serve.js';
import { startProfiler } from './start-profiler.js';
import { keepStartReport } from './start-report.js';
import { startTelemetry } from './start-telemetry.js';
import { Teardown } from './teardown.js';

export interface DaemonParts {
  readonly settings: Settings;
  readonly config: PciConfig;
  readonly clock: Clock;
  readonly log: Log;
}

/** A running forwarder. */
export interface Daemon {
  /**
   * Ends in order: nobody is sent here any more, running calls finish, VFs come home, sockets go.
   *
   * @param deadline cuts short what still waits
   */
  stop(deadline: AbortSignal): Promise<void>;
}

/** Longest wait for one call to the manager's registry to connect. */
const managerDialMs = 5_000;

/** Longest wait of a Request for its VF to come home from the token's last pod; clients wait 15 s in all. */
const vfHomeMs = 10_000;

/**
 * Starts everything, in the order in which it is needed; the log names each phase. What fails undoes what was started.
 *
 * @throws ForwarderError what stopped it, or the signal's reason
 */
export async function startDaemon(parts: DaemonParts, signal: AbortSignal): Promise<Daemon> {
  const teardown = new Teardown(parts.log);
  try {
    await start(parts, teardown, signal);
  } catch (thrown) {
    await teardown.run(AbortSignal.abort(thrown));
    throw thrown;
  }
  return { stop: (deadline) => teardown.run(deadline) };
}

async function start(parts: DaemonParts, teardown: Teardown, signal: AbortSignal): Promise<void> {
  const { settings, clock, log } = parts;
  const running = new AbortController();
  teardown.add('timers and streams', async () => running.abort());
  // First of all, because the agent takes its time to find out who asks.
  const identity = openIdentity(parts, running.signal);
  const telemetry = await startTelemetry(parts, teardown);
  await startProfiler(parts, teardown);
  const policies = {
    server: await choosePolicies('NSM_SERVER_POLICIES', settings.serverPolicies, log),
    registration: await choosePolicies('NSM_REGISTRY_CLIENT_POLICIES', settings.registryClientPolicies, log),
  };
  const state = await openState({ folder: settings.stateDir, clock, log }, teardown, signal);
  const node = await readNode(parts, teardown, signal);
  const vfio = await openVfio({ ...parts, names: () => node.pool.names() });
  const reader = { pci: node.pci, isOffered: node.isOffered, noIommuAllowed: vfio.noIommuAllowed };
  await reportVfio(reader, node.functions, log);

  const network = openNetwork(settings, { ...identity, clock, log, telemetry }, teardown);
  const users = new TokenUsers(state.journal);
  const door = openDoor(parts, { pool: node.pool, users, ownerOf: (...asked) => plugin.ownerOf(...asked) });
  const forwarder = createForwarder({
    name: settings.name,
    pci: node.pci,
    namespaces: node.namespaces,
    functions: functionsFromPool(node.pool, node.kernelDrivers, door),
    resetVfs: settings.resetVfs,
    vfio: { ...vfio, podDoor: podDoor({ pool: node.pool, clock, patienceMs: vfHomeMs }) },
    journal: state.journal,
    recordsComplete: state.recordsComplete,
    issuer: identity.issuer,
    ...network,
    clock,
    log,
    telemetry,
    newId: randomUUID,
    signal: running.signal,
  });
  const { connections, podDevices } = forwarder;
  const plugin: DevicePlugin = await restoreTokens(
    { settings, pool: node.pool, journal: state.journal, users, connections, podDevices, clock, log },
    running.signal,
    signal,
  );
  teardown.add('device plugin', () => plugin[Symbol.asyncDispose]());
  log.info('phase: tokens restored', { kubelet: plugin.restoration.kubelet });
  teardown.add('connections', async (deadline) => {
    connections.stop();
    const closed = () => Promise.all([connections.closeAll(), podDevices.closeAll()]);
    if (settings.closeOnExit) await Promise.race([closed(), rejection(deadline)]);
  });
  gauge(telemetry, { pool: node.pool, forwarder });
  const taken = await forwarder.takeOver(signal);
  state.accept();
  const at = new Date(clock.wallTime()).toISOString();
  await keepStartReport(settings.stateDir, { at, journal: state.history, ...taken }, log);
  log.info('phase: node taken over', countsOf(taken));
  void forwarder.audit(settings.auditInterval);
  plugin.serve();
  followNode({ ...parts, ...node, reader, forwarder }, running.signal);
  log.info('phase: device plugin started', { resources: node.pool.names() });
  await serve(
    { ...parts, ...network, forwarder, identity, policies, telemetry, running: running.signal, teardown },
    signal,
  );
}

/** Who may use which token. */
function openDoor(
  { settings, clock }: DaemonParts,
  parts: Pick<AdmissionParts, 'pool' | 'users' | 'ownerOf'>,
): Admission {
  const { spiffeIdTemplate: template } = settings;
  return new Admission({ ...parts, clock, patienceMs: vfHomeMs, ...(template !== undefined && { template }) });
}

/** How much was found, for the log; the report has the rest. */
function countsOf({ connections, quarantined, strays }: TakeOverReport) {
  const kept = connections.filter(({ verdict }) => verdict === 'kept').length;
  return { kept, ended: connections.length - kept, quarantined: quarantined.length, keptBack: strays.length };
}

/** Hardware and kernel: VFs, the pool over them, namespaces. */
async function readNode({ settings, config, clock, log }: DaemonParts, teardown: Teardown, signal: AbortSignal) {
  const writer = new WriteHelpers(clock);
  teardown.add('write helpers', async () => writer[Symbol.dispose]());
  const roots = { devices: settings.pciDevicesPath, drivers: settings.pciDriversPath };
  const pci = new SysfsPciBus({ roots, clock, writer });
  const provisioning = new SysfsProvisioning({ roots, clock, writer });
  const namespaces = new KernelNamespaces();
  teardown.add('namespaces', async () => namespaces[Symbol.dispose]());
  await provision(config, { provisioning, pci, namespaces, createVfs: settings.createVfs, log }, signal);
  const catalogue = await buildCatalogue(config, { pci, log, noIommuAllowed: settings.vfioNoIommu });
  const tokensKeepToPhysicalFunction = settings.preferredAllocation !== 'none';
  const newTokenId = () => `sriov-${randomUUID()}` as TokenId;
  const pool = new ResourcePool(catalogue, newTokenId, { tokensKeepToPhysicalFunction });
  const kernelDrivers = new Map(config.physicalFunctions.map((pf) => [pf.address, pf.vfKernelDriver]));
  log.info('phase: hardware read', { physicalFunctions: kernelDrivers.size, functions: pool.functions().length });
  const functions = pool.functions().map(({ address }) => address);
  const isOffered = (address: PciAddress) => pool.function(address) !== undefined;
  return { pci, provisioning, pool, functions, isOffered, namespaces, kernelDrivers };
}

function openIdentity({ settings, clock, log }: DaemonParts, signal: AbortSignal) {
  const source = new WorkloadApiSource({ address: socketUrlText(settings.spiffeEndpointSocket), clock, log, signal });
  const issuer = new Es256TokenIssuer({ source, clock, lifetimeMs: settings.maxTokenLifetime });
  return { source, issuer };
}

interface NetworkParts {
  readonly source: WorkloadApiSource;
  readonly issuer: Es256TokenIssuer;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
}

/** Connections to other components: next hops get the configured time to answer a dial, the manager a fixed one. */
function openNetwork(settings: Settings, { source, issuer, clock, log, telemetry }: NetworkParts, teardown: Teardown) {
  const sockets = new EndpointSockets();
  const managerUrl = socketUrlText(settings.connectTo);
  const manager = new Channels({ source, tokens: issuer, clock, telemetry, dialTimeoutMs: managerDialMs });
  const endpoints = new Channels({ source, tokens: issuer, clock, telemetry, dialTimeoutMs: settings.dialTimeout });
  teardown.add('connections to other components', async () => {
    await Promise.all([manager[Symbol.asyncDispose](), endpoints[Symbol.asyncDispose]()]);
    sockets[Symbol.dispose]();
  });
  return {
    manager,
    endpoints,
    sockets,
    directory: directoryOver({ channels: manager, manager: managerUrl, sockets, log }),
    nextHops: nextHopsOver(endpoints, sockets),
  };
}

/** Rejects when the signal fires. */
function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fired = () => reject(toForwarderError(signal.reason));
    if (signal.aborted) fired();
    else signal.addEventListener('abort', fired, { once: true });
  });
}
