import {
  type NetworkService,
  type NetworkServiceEndpoint,
  type NetworkServiceEndpointQuery,
  NetworkServiceEndpointRegistryService,
  type NetworkServiceEndpointResponse,
  NetworkServiceRegistryService,
} from '../apis/generated/registry.js';
import { SystemClock } from '../src/clock/system-clock.js';
import { ForwarderError } from '../src/ports/error.js';
import type { CertificateSource, TokenIssuer } from '../src/ports/identity.js';
import type { Log } from '../src/ports/log.js';
import { tokenHeader } from '../src/transport/connection.js';
import { isInodeUrl } from '../src/transport/inode-url.js';
import { type Listener, listen } from '../src/transport/listen.js';
import type { Peer } from '../src/transport/peer.js';
import type { ReceivedDescriptor } from '../src/transport/received-descriptor.js';
import { type IncomingCall, type Service, service } from '../src/transport/service.js';
import { Changes } from './changes.js';

/** Where the manager of the node listens, who it is, and how long a registration lasts without a refresh. */
export interface RegistryOptions {
  readonly url: string;
  readonly source: CertificateSource;
  readonly issuer: TokenIssuer;
  readonly log: Log;
  /** ms; a minute unless given. */
  readonly lifetimeMs?: number;
}

interface Registered {
  readonly endpoint: NetworkServiceEndpoint;
  /** The endpoint's socket when it came as a descriptor. */
  readonly socket: ReceivedDescriptor | undefined;
  readonly expiry: AbortController;
}

/**
 * The registry as a forwarder sees it behind the node's manager: services, and endpoints that register with a descriptor
 * of their socket and are found with one (nsm-wire 4).
 */
export class SimulatedRegistry implements AsyncDisposable {
  readonly services = new Map<string, NetworkService>();
  /** How many Register calls were answered. */
  registrations = 0;
  readonly #options: RegistryOptions;
  readonly #registered = new Map<string, Registered>();
  readonly #changes = new Changes<NetworkServiceEndpointResponse>();
  readonly #clock = new SystemClock();
  readonly #ending = new AbortController();
  #listener: Listener | undefined;

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  static async start(options: RegistryOptions): Promise<SimulatedRegistry> {
    const registry = new SimulatedRegistry(options);
    await registry.start();
    return registry;
  }

  /** Listens; again after {@link stop}. */
  async start(): Promise<void> {
    const { url, source, log } = this.#options;
    const services = [this.#networkServices(), this.#endpoints()];
    this.#listener = await listen({ url, source, services, clock: this.#clock, log, signal: this.#ending.signal });
  }

  /** The manager goes away. It forgets nobody. */
  async stop(): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
    this.#listener = undefined;
  }

  /** Registers an endpoint of this node, whose socket is known by its path: it lasts as long as the registry does. */
  add(endpoint: NetworkServiceEndpoint): void {
    this.#put({ endpoint, socket: undefined, expiry: new AbortController() });
  }

  /** The names of all endpoints. */
  get names(): readonly string[] {
    return [...this.#registered.keys()];
  }

  /** Where clients in this process reach the endpoint. @throws ForwarderError `not-found` */
  urlOf(name: string): string {
    const registered = this.#registered.get(name);
    if (registered === undefined) throw new ForwarderError('not-found', `${name} is not registered`);
    return registered.socket === undefined ? registered.endpoint.url : `unix://${registered.socket.path}`;
  }

  /** Resolves when the condition holds; it is looked at after every change. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    await this.#changes.until(condition, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.stop();
    for (const name of this.names) this.#forget(name);
  }

  #networkServices(): Service<Peer> {
    const found = (name: string) => this.services.get(name);
    return service<typeof NetworkServiceRegistryService, Peer>(NetworkServiceRegistryService, {
      async *find({ networkService: wanted }) {
        const networkService = found(wanted?.name ?? '');
        if (networkService !== undefined) yield { networkService, deleted: false };
      },
    });
  }

  #endpoints(): Service<Peer> {
    return service<typeof NetworkServiceEndpointRegistryService, Peer>(NetworkServiceEndpointRegistryService, {
      register: (endpoint, call) => this.#register(endpoint, call),
      find: (query, call) => this.#find(query, call),
      unregister: async (endpoint) => {
        this.#forget(endpoint.name);
        return {};
      },
    });
  }

  async #register(endpoint: NetworkServiceEndpoint, call: IncomingCall<Peer>): Promise<NetworkServiceEndpoint> {
    if (endpoint.name === '') throw new ForwarderError('invalid', 'an endpoint without a name cannot register');
    const token = call.metadata[tokenHeader];
    if (token === undefined) throw new ForwarderError('unauthenticated', `${endpoint.name} registers without a token`);
    const socket = isInodeUrl(endpoint.url) ? await call.peer.receive(endpoint.url, call.signal) : undefined;
    const granted = this.#grant(endpoint, socket);
    call.sendHeaders({ path: this.#pathFor(token, call.peer) });
    this.registrations += 1;
    return granted;
  }

  /** The registry's path of tokens with the caller at its head, in Go's field names. */
  #pathFor(token: string, peer: Peer): string {
    const own = this.#options.issuer.issue(peer.spiffeId, peer.notAfter).token;
    return JSON.stringify({ Index: 0, PathSegments: [{ token }, { token: own }] });
  }

  /** Registers an endpoint for as long as a registration lasts. */
  #grant(endpoint: NetworkServiceEndpoint, socket: ReceivedDescriptor | undefined): NetworkServiceEndpoint {
    const lifetimeMs = this.#options.lifetimeMs ?? 60_000;
    const expiry = new AbortController();
    const ends = Date.now() + lifetimeMs;
    const granted = { ...endpoint, expirationTime: { seconds: Math.floor(ends / 1000), nanos: (ends % 1000) * 1e6 } };
    this.#put({ endpoint: granted, socket, expiry });
    this.#clock.sleep(lifetimeMs, expiry.signal).then(
      () => this.#forget(endpoint.name),
      () => undefined,
    );
    return granted;
  }

  #put(registered: Registered): void {
    const { endpoint } = registered;
    this.#drop(endpoint.name);
    this.#registered.set(endpoint.name, registered);
    this.#changes.publish({ networkServiceEndpoint: endpoint, deleted: false });
  }

  #forget(name: string): void {
    const registered = this.#drop(name);
    if (registered !== undefined) this.#changes.publish({ networkServiceEndpoint: registered.endpoint, deleted: true });
  }

  #drop(name: string): Registered | undefined {
    const registered = this.#registered.get(name);
    this.#registered.delete(name);
    registered?.expiry.abort();
    registered?.socket?.[Symbol.dispose]();
    return registered;
  }

  async *#find(
    { networkServiceEndpoint: wanted, watch }: NetworkServiceEndpointQuery,
    { peer, signal }: IncomingCall<Peer>,
  ): AsyncGenerator<NetworkServiceEndpointResponse> {
    const fits = (it: NetworkServiceEndpoint | undefined) => it !== undefined && isWanted(it, wanted);
    using changes = this.#changes.follow();
    for (const { endpoint, socket } of this.#registered.values()) {
      if (!fits(endpoint)) continue;
      yield { networkServiceEndpoint: { ...endpoint, url: announced(endpoint.url, socket, peer) }, deleted: false };
    }
    if (!watch) return;
    for await (const change of changes.until(signal)) if (fits(change.networkServiceEndpoint)) yield change;
  }
}

/** As a manager does it towards its node: files travel as descriptors. */
function announced(url: string, socket: ReceivedDescriptor | undefined, peer: Peer): string {
  if (socket !== undefined) return peer.sendFile(socket.path);
  return url.startsWith('unix://') ? peer.sendFile(url.slice('unix://'.length)) : url;
}

function isWanted(endpoint: NetworkServiceEndpoint, wanted: NetworkServiceEndpoint | undefined): boolean {
  if (wanted === undefined) return true;
  if (wanted.name !== '' && !endpoint.name.startsWith(wanted.name)) return false;
  return wanted.networkServiceNames.every((name) => endpoint.networkServiceNames.includes(name));
}
