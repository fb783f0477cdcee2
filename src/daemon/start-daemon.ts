import { randomUUID } from 'node:crypto';
import { createForwarder, type Forwarder, type TakeOverReport } from '../forwarder/forwarder.js';
import { directoryOver } from '../forwarder/grpc/directory.js';
import { EndpointSockets } from '../forwarder/grpc/endpoint-sockets.js';
import { Health } from '../forwarder/grpc/health.js';
import { monitorConnections } from '../forwarder/grpc/monitor.js';
import { networkService } from '../forwarder/grpc/network-service.js';
import { nextHopsOver } from '../forwarder/grpc/next-hops.js';
import { Registrations } from '../forwarder/grpc/registrations.js';
import { KernelNamespaces } from '../link/kernel-namespaces.js';
import { SysfsPciBus } from '../pci/sysfs-pci-bus.js';
import { SysfsProvisioning } from '../pci/sysfs-provisioning.js';
import { WriteHelpers } from '../pci/write-helpers.js';
import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';
import type { Settings } from '../settings/environment/settings.js';
import type { PciConfig } from '../settings/pci-config/pci-config.js';
import { Channels } from '../transport/channels.js';
import { Es256TokenIssuer } from '../transport/es256-token-issuer.js';
import { type Listener, listen } from '../transport/listen.js';
import { WorkloadApiSource } from '../transport/workload-api-source.js';
import { buildCatalogue } from './build-catalogue.js';
import { keepFormerNames } from './former-names.js';
import { functionsFromPool } from './functions-from-pool.js';
import { listenAddress, socketUrlText } from './listen-address.js';
import { openState } from './open-state.js';
import { provision } from './provision.js';
import { restoreTokens } from './restore-tokens.js';
import { keepStartReport } from './start-report.js';
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

/** How long running calls may take to finish at the end; what is left of the time is for bringing VFs home. */
const runningCallsMs = 5_000;

/** Longest wait for one call to the manager's registry to connect. */
const managerDialMs = 5_000;

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
  const state = await openState({ folder: settings.stateDir, clock, log }, teardown, signal);
  const node = await readNode(parts, teardown, signal);
  const identity = openIdentity(parts, running.signal);

  const network = openNetwork(settings, { ...identity, clock, log }, teardown);
  const forwarder = createForwarder({
    name: settings.name,
    pci: node.pci,
    namespaces: node.namespaces,
    functions: functionsFromPool(node.pool, node.kernelDrivers),
    resetVfs: settings.resetVfs,
    journal: state.journal,
    recordsComplete: state.recordsComplete,
    issuer: identity.issuer,
    ...network,
    clock,
    log,
    newId: randomUUID,
    signal: running.signal,
  });
  const { plugin } = await restoreTokens(
    { settings, pool: node.pool, journal: state.journal, connections: forwarder.connections, clock, log },
    running.signal,
    signal,
  );
  teardown.add('device plugin', () => plugin[Symbol.asyncDispose]());
  log.info('phase: tokens restored', { kubelet: plugin.restoration.kubelet });
  teardown.add('connections', async (deadline) => {
    forwarder.connections.stop();
    if (settings.closeOnExit) await Promise.race([forwarder.connections.closeAll(), rejection(deadline)]);
  });
  const taken = await forwarder.takeOver(signal);
  state.accept();
  await keepStartReport(
    settings.stateDir,
    { at: new Date(clock.wallTime()).toISOString(), journal: state.history, ...taken },
    log,
  );
  log.info('phase: node taken over', countsOf(taken));
  void forwarder.audit(settings.auditInterval);
  plugin.serve();
  log.info('phase: device plugin started', { resources: node.pool.names() });
  await serve(parts, { forwarder, identity, manager: network.manager, running: running.signal, teardown }, signal);
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
  const pool = new ResourcePool(await buildCatalogue(config, pci, log), () => `sriov-${randomUUID()}` as TokenId);
  const kernelDrivers = new Map(config.physicalFunctions.map((pf) => [pf.address, pf.vfKernelDriver]));
  log.info('phase: hardware read', { physicalFunctions: kernelDrivers.size, functions: pool.functions().length });
  return { pci, pool, namespaces, kernelDrivers };
}

function openIdentity({ settings, clock, log }: DaemonParts, signal: AbortSignal) {
  const source = new WorkloadApiSource({ address: socketUrlText(settings.spiffeEndpointSocket), clock, log, signal });
  const issuer = new Es256TokenIssuer({ source, clock, lifetimeMs: settings.maxTokenLifetime });
  return { source, issuer };
}

/** Connections to other components: next hops get the configured time to answer a dial, the manager a fixed one. */
function openNetwork(
  settings: Settings,
  { source, issuer, clock, log }: { source: WorkloadApiSource; issuer: Es256TokenIssuer; clock: Clock; log: Log },
  teardown: Teardown,
) {
  const sockets = new EndpointSockets();
  const managerUrl = socketUrlText(settings.connectTo);
  const manager = new Channels({ source, tokens: issuer, clock, dialTimeoutMs: managerDialMs });
  const endpoints = new Channels({ source, tokens: issuer, clock, dialTimeoutMs: settings.dialTimeout });
  teardown.add('connections to other components', async () => {
    await Promise.all([manager[Symbol.asyncDispose](), endpoints[Symbol.asyncDispose]()]);
    sockets[Symbol.dispose]();
  });
  return {
    manager,
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

interface Serving {
  readonly forwarder: Forwarder;
  readonly identity: ReturnType<typeof openIdentity>;
  readonly manager: Channels;
  readonly running: AbortSignal;
  readonly teardown: Teardown;
}

/** Listens, says so to health probes and to the registry. */
async function serve({ settings, clock, log }: DaemonParts, serving: Serving, signal: AbortSignal): Promise<void> {
  const { forwarder, identity, manager, running, teardown } = serving;
  const health = new Health();
  const draining = new AbortController();
  const address = await listenAddress(settings.listenOn);
  teardown.add('listen address', async () => address[Symbol.asyncDispose]());
  const listener: Listener = await listen({
    url: address.url,
    source: identity.source,
    services: [
      networkService(forwarder, log),
      monitorConnections(forwarder, draining.signal),
      health.service(draining.signal),
    ],
    clock,
    log,
    // Not the signal that asks for an end: running calls may finish, and the registry has to be told first.
    signal: running,
  });
  teardown.add('listener', async (deadline) => {
    using grace = clock.deadline('finishing running calls', runningCallsMs, deadline);
    await listener.stop(grace.signal);
  });
  // Streams that watch would go on for ever, and nothing else finishes before them.
  teardown.add('watching streams', async () => draining.abort());
  log.info('phase: listening', { url: listener.url });

  const registrations = new Registrations({
    channels: manager,
    manager: socketUrlText(settings.connectTo),
    services: settings.networkServiceNames,
    labels: settings.labels,
    url: listener.url,
    clock,
    log,
    signal: AbortSignal.any([running, signal]),
  });
  teardown.add('registration', (deadline) => registrations.stop(deadline));
  health.set(true);
  teardown.add('health', async () => health.set(false));
  const names = keepFormerNames({ forwarder, registrations, log, signal: running });
  teardown.add('former names', async () => names[Symbol.dispose]());
  await registrations.add(settings.name);
  log.info('phase: registered', { name: settings.name, networkServices: settings.networkServiceNames });
}
