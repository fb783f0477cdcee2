import { once } from 'node:events';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { CertificateSource } from '../ports/identity.js';
import type { Log } from '../ports/log.js';
import { noTelemetry, type Telemetry } from '../ports/telemetry.js';
import { addServices } from './add-services.js';
import { shelfDefaults } from './descriptor-shelf.js';
import { type EndpointAddress, parseEndpointAddress } from './endpoint-address.js';
import { limits } from './limits.js';
import { startListening } from './listening-socket.js';
import { type Peer, peerOn } from './peer.js';
import { refusalLog } from './refusal-log.js';
import type { Service } from './service.js';
import { handOver } from './socket-handover.js';
import { type SecureConnection, TlsAcceptor } from './tls-acceptor.js';

export interface ListenOptions {
  /** `unix:///path` in a directory of mode 0700, or `tcp://host:port` (port 0: any). */
  readonly url: string;
  readonly source: CertificateSource;
  readonly services: readonly Service<Peer>[];
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every unary call. */
  readonly telemetry?: Telemetry;
  /** Ends the server at once, running calls and all. */
  readonly signal: AbortSignal;
  /** Others in the place of {@link limits}. */
  readonly limits?: Partial<Readonly<Record<keyof typeof limits, number>>>;
  /** How long a peer may owe us a descriptor that it announced, ms. */
  readonly descriptorPatienceMs?: number;
}

/**
 * Serves gRPC over mutual TLS with descriptor passing below it. Waits for the first certificate, then listens.
 *
 * @throws ForwarderError `invalid` (URL), `exists` (somebody listens there), or the signal's reason
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const address = parseEndpointAddress(options.url);
  await options.source.ready(options.signal);
  const listener = new Listener(options, address);
  await listener.start();
  return listener;
}

/** A running server. */
export class Listener implements AsyncDisposable {
  readonly #options: ListenOptions;
  readonly #address: EndpointAddress;
  readonly #limits: Readonly<Record<keyof typeof limits, number>>;
  readonly #grpc: Server;
  readonly #injector: ReturnType<Server['createConnectionInjector']>;
  readonly #refused: (reason: string) => void;
  readonly #net: NetServer;
  readonly #acceptor: TlsAcceptor;
  readonly #transports = new Set<Duplex>();
  readonly #peers = new Map<string, Peer>();
  /** How many connections each SPIFFE ID has. */
  readonly #connectionsOf = new Map<string, number>();
  readonly #onAbort = () => void this.#close();
  #connections = 0;
  #url: string;

  constructor(options: ListenOptions, address: EndpointAddress) {
    this.#options = options;
    this.#address = address;
    this.#url = options.url;
    this.#limits = { ...limits, ...options.limits };
    this.#refused = refusalLog(options.log, options.clock);
    this.#grpc = new Server({
      // Statistics of each call and connection that nobody asks for.
      'grpc.enable_channelz': 0,
      'grpc.max_receive_message_length': this.#limits.longestMessage,
      'grpc.max_concurrent_streams': this.#limits.mostStreams,
      'grpc.max_connection_idle_ms': this.#limits.idleTimeoutMs,
    });
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#net = createServer({ pauseOnConnect: address.kind === 'unix', noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    this.#acceptor = new TlsAcceptor({
      source: options.source,
      clock: options.clock,
      handshakeTimeoutMs: this.#limits.handshakeTimeoutMs,
      maxHandshakes: this.#limits.mostHandshakes,
      onSecure: (connection) => this.#inject(connection),
      onRefused: (error) => this.#refused(error.message),
    });
    const { services, telemetry = noTelemetry } = options;
    addServices(this.#grpc, services, { peerOf: (id) => this.#peerOf(id), telemetry });
  }

  /** Where it listens, with the real port. */
  get url(): string {
    return this.#url;
  }

  /** How many connections are open, handshakes included. */
  get connectionCount(): number {
    return this.#transports.size;
  }

  async start(): Promise<void> {
    this.#url = await startListening(this.#net, this.#address);
    if (this.#options.signal.aborted) this.#onAbort();
    this.#options.signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /**
   * Stops: no new connections and calls; running ones may finish until the signal fires. Resolves when every socket and
   * descriptor is gone.
   */
  async stop(grace: AbortSignal): Promise<void> {
    const closed = this.#stopListening();
    this.#acceptor[Symbol.dispose]();
    // Its callback is of no use: from Node 24 on it comes while calls still run.
    this.#grpc.tryShutdown(() => undefined);
    const finished = Promise.all([...this.#transports].map(whenClosed));
    await Promise.race([finished, aborted(grace), aborted(this.#options.signal)]);
    await this.#close();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    const closed = this.#stopListening();
    this.#acceptor[Symbol.dispose]();
    this.#grpc.forceShutdown();
    await Promise.all([closed, ...[...this.#transports].map(destroyed)]);
  }

  async #stopListening(): Promise<void> {
    if (!this.#net.listening) return;
    // The event, not the callback of close(): connections that were handed over do not count there.
    const closed = once(this.#net, 'close');
    this.#net.close();
    await closed;
  }

  #accept(socket: Socket): void {
    const { log } = this.#options;
    const { mostConnections } = this.#limits;
    socket.on('error', (error) => log.debug(`connection failed: ${error.message}`));
    if (this.#transports.size >= mostConnections) {
      this.#refused(`more than ${mostConnections} at once`);
      socket.destroy();
      return;
    }
    try {
      this.#shakeHands(this.#transportOf(socket));
    } catch (error) {
      log.debug(`connection failed: ${toForwarderError(error).message}`);
    }
  }

  #transportOf(socket: Socket): Duplex {
    if (this.#address.kind === 'tcp') return socket;
    const { clock, descriptorPatienceMs: patienceMs = shelfDefaults.patienceMs } = this.#options;
    return handOver(socket, { ...shelfDefaults, clock, patienceMs });
  }

  #shakeHands(transport: Duplex): void {
    this.#transports.add(transport);
    transport.once('close', () => this.#transports.delete(transport));
    transport.on('error', (error) => this.#options.log.debug(`connection failed: ${error.message}`));
    this.#acceptor.accept(transport);
  }

  /** @throws ForwarderError `exhausted` when the peer has too many already */
  #inject({ transport, tls, identity }: SecureConnection): void {
    this.#count(transport, identity.spiffeId);
    this.#connections += 1;
    const id = `connection-${this.#connections}`;
    this.#peers.set(id, peerOn(transport, identity));
    transport.once('close', () => this.#peers.delete(id));
    // grpc-js tells a handler nothing of its connection but the remote address: there the id travels.
    Object.defineProperty(tls, 'remoteAddress', { value: id });
    Object.defineProperty(tls, 'remotePort', { value: undefined });
    this.#injector.injectConnection(tls);
  }

  #count(transport: Duplex, spiffeId: string): void {
    const others = this.#connectionsOf.get(spiffeId) ?? 0;
    const { mostConnectionsOfOne: most } = this.#limits;
    if (others >= most) throw new ForwarderError('exhausted', `${spiffeId} has ${most} connections already`);
    this.#connectionsOf.set(spiffeId, others + 1);
    transport.once('close', () => {
      const left = (this.#connectionsOf.get(spiffeId) ?? 1) - 1;
      if (left > 0) this.#connectionsOf.set(spiffeId, left);
      else this.#connectionsOf.delete(spiffeId);
    });
  }

  #peerOf(id: string): Peer {
    const peer = this.#peers.get(id);
    if (peer === undefined) throw new ForwarderError('unavailable', 'the connection of this call is gone');
    return peer;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function whenClosed(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', () => resolve());
  });
}

async function destroyed(stream: Duplex): Promise<void> {
  stream.destroy();
  await whenClosed(stream);
}
