import type { Forwarder } from '../forwarder/forwarder.js';
import { Doorkeeper } from '../forwarder/grpc/doorkeeper.js';
import type { EndpointSockets } from '../forwarder/grpc/endpoint-sockets.js';
import { Health } from '../forwarder/grpc/health.js';
import { monitorConnections } from '../forwarder/grpc/monitor.js';
import { networkService } from '../forwarder/grpc/network-service.js';
import { NextHopWatch } from '../forwarder/grpc/next-hop-watch.js';
import { Registrations } from '../forwarder/grpc/registrations.js';
import type { Policy } from '../policies/policy.js';
import type { Clock } from '../ports/clock.js';
import type { CertificateSource, TokenIssuer } from '../ports/identity.js';
import type { Log } from '../ports/log.js';
import type { Telemetry } from '../ports/telemetry.js';
import type { Settings } from '../settings/environment/settings.js';
import type { Channels } from '../transport/channels.js';
import { listen } from '../transport/listen.js';
import { keepFormerNames } from './former-names.js';
import { isBesideManager, listenAddress, socketUrlText } from './listen-address.js';
import type { Teardown } from './teardown.js';

/** Policies by what they judge. */
export interface ChosenPolicies {
  /** Who calls us. */
  readonly server: readonly Policy[];
  /** What the manager answers to a registration. */
  readonly registration: readonly Policy[];
}

export interface Serving {
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly forwarder: Forwarder;
  readonly identity: { readonly source: CertificateSource; readonly issuer: TokenIssuer };
  readonly policies: ChosenPolicies;
  /** Connections to the manager. */
  readonly manager: Channels;
  /** Connections to next hops. */
  readonly endpoints: Channels;
  readonly sockets: EndpointSockets;
  /** Fires when everything has ended. */
  readonly running: AbortSignal;
  readonly teardown: Teardown;
}

/** How long running calls may take to finish at the end; what is left of the time is for bringing VFs home. */
const runningCallsMs = 5_000;

/**
 * Listens, and says so to health probes and to the registry.
 *
 * @param signal - gives up
 */
export async function serve(serving: Serving, signal: AbortSignal): Promise<void> {
  const { settings, log, teardown } = serving;
  const health = new Health();
  const known: KnownManager = {};
  const url = await listenForCalls(serving, health, known);
  log.info('phase: listening', { url });
  const watch = new NextHopWatch({ ...serving, name: settings.name, channels: serving.endpoints });
  teardown.add('streams of next hops', async () => watch[Symbol.dispose]());
  const registrations = registrationsOf(serving, { url, known, signal });
  teardown.add('registration', (deadline) => registrations.stop(deadline));
  health.set(true);
  teardown.add('health', async () => health.set(false));
  const names = keepFormerNames({ forwarder: serving.forwarder, registrations, log, signal: serving.running });
  teardown.add('former names', async () => names[Symbol.dispose]());
  await registrations.add(settings.name);
  log.info('phase: registered', { endpoint: settings.name, networkServices: settings.networkServiceNames });
}

/** Who the manager is: it may be replaced by one with another identity while connections live on. */
interface KnownManager {
  spiffeId?: string;
}

async function listenForCalls(serving: Serving, health: Health, known: KnownManager): Promise<string> {
  const { settings, clock, log, telemetry, forwarder, identity, policies, running, teardown } = serving;
  const draining = new AbortController();
  const address = await listenAddress(settings.listenOn);
  teardown.add('listen address', async () => address[Symbol.asyncDispose]());
  const doorkeeper = new Doorkeeper({
    name: settings.name,
    policies: policies.server,
    forwarder,
    issuer: identity.issuer,
    clock,
    manager: () => known.spiffeId,
  });
  const listener = await listen({
    url: address.url,
    source: identity.source,
    services: [
      networkService(forwarder, doorkeeper, log),
      monitorConnections(forwarder, doorkeeper, draining.signal),
      health.service(draining.signal),
    ],
    clock,
    log,
    telemetry,
    // Not the signal that asks for an end: running calls may finish, and the registry has to be told first.
    signal: running,
  });
  teardown.add('listener', async (deadline) => {
    using grace = clock.deadline('finishing running calls', runningCallsMs, deadline);
    await listener.stop(grace.signal);
  });
  // Streams that watch would go on for ever, and nothing else finishes before them.
  teardown.add('watching streams', async () => draining.abort());
  return listener.url;
}

interface Place {
  readonly url: string;
  readonly known: KnownManager;
  readonly signal: AbortSignal;
}

function registrationsOf(serving: Serving, { url, known, signal }: Place): Registrations {
  const { settings, clock, log, policies, manager, running } = serving;
  return new Registrations({
    channels: manager,
    manager: socketUrlText(settings.connectTo),
    services: settings.networkServiceNames,
    labels: settings.labels,
    url,
    byPath: isBesideManager(settings.listenOn, settings.connectTo),
    policies: policies.registration,
    onManager: (spiffeId) => {
      known.spiffeId = spiffeId;
    },
    clock,
    log,
    signal: AbortSignal.any([running, signal]),
  });
}
