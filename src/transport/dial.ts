import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Client, connectivityState, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { CertificateSource } from '../ports/identity.js';
import { clientOptions } from './client-options.js';
import { shelfDefaults } from './descriptor-shelf.js';
import { type EndpointAddress, grpcTarget } from './endpoint-address.js';
import { limits } from './limits.js';
import type { PeerIdentity } from './peer-check.js';
import { SingleConnectionCredentials } from './single-connection-credentials.js';
import { handOver } from './socket-handover.js';
import { tlsConnect } from './tls-connect.js';

export interface DialOptions {
  readonly address: EndpointAddress;
  readonly source: CertificateSource;
  readonly clock: Clock;
  /** How long the peer may owe us a descriptor, ms. */
  readonly descriptorPatienceMs: number;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
}

/** A connection of its own kind: one peer, one transport, until one of the two is gone. */
export interface Dialled {
  readonly client: Client;
  readonly transport: Duplex;
  readonly identity: PeerIdentity;
  /** Fires when the peer takes no more calls: connection lost, or it said goodbye. Running calls may still finish. */
  readonly over: AbortSignal;
}

type Secured = Pick<Dialled, 'transport' | 'identity'>;

/**
 * Connects and shakes hands.
 *
 * @throws ForwarderError `unavailable` (nobody there), `unauthenticated` (a handshake failed), or the signal's reason
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  await options.source.ready(options.signal);
  const attempt = new Attempt(options);
  try {
    return await attempt.run();
  } catch (error) {
    attempt.abandon();
    throw error;
  }
}

class Attempt {
  readonly #options: DialOptions;
  readonly #client: Client;
  #transport: Duplex | undefined;
  #secured: Secured | undefined;
  #failure: ForwarderError | undefined;

  constructor(options: DialOptions) {
    this.#options = options;
    const secure = new SingleConnectionCredentials((socket) => this.#secure(socket));
    this.#client = new Client(grpcTarget(options.address), secure, {
      ...clientOptions,
      'grpc.max_receive_message_length': limits.longestMessage,
      // One attempt is all it gets: the next one would come long after this channel is closed.
      'grpc.initial_reconnect_backoff_ms': 60_000,
      'grpc.max_reconnect_backoff_ms': 60_000,
    });
  }

  async run(): Promise<Dialled> {
    const state = await this.#settled();
    const secured = this.#secured;
    if (state !== connectivityState.READY || secured === undefined) throw this.#failure ?? (await this.#lastError());
    return { ...secured, client: this.#client, over: this.#watchEnd() };
  }

  abandon(): void {
    this.#client.close();
    this.#transport?.destroy();
  }

  async #secure(socket: Socket): Promise<Socket> {
    const { address, clock, descriptorPatienceMs: patienceMs, signal, source } = this.#options;
    try {
      signal.throwIfAborted();
      const transport =
        address.kind === 'unix' ? handOver(socket, { ...shelfDefaults, clock, patienceMs }) : socket.setNoDelay();
      this.#transport = transport;
      transport.on('error', () => {});
      const { tls, identity } = await tlsConnect(transport, await source.ready(signal), clock);
      this.#secured = { transport, identity };
      return tls;
    } catch (error) {
      this.#failure = toForwarderError(error);
      throw error;
    }
  }

  /** The state in which the first attempt ends. */
  async #settled(): Promise<connectivityState> {
    const channel = this.#client.getChannel();
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state !== connectivityState.IDLE && state !== connectivityState.CONNECTING) return state;
      await this.#leaves(state);
    }
  }

  #leaves(state: connectivityState): Promise<void> {
    const { signal } = this.#options;
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(toForwarderError(signal.reason));
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#client.getChannel().watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /** Why the channel could not connect: grpc-js tells it to calls only, so one is made that cannot leave. */
  #lastError(): Promise<ForwarderError> {
    const nothing = () => Buffer.alloc(0);
    return new Promise((resolve) => {
      const done = (error: ServiceError | null) => {
        const reason = error?.details.replace(/^No connection established\. Last error: /, '') ?? 'connection lost';
        resolve(new ForwarderError('unavailable', `cannot connect to ${grpcTarget(this.#options.address)}: ${reason}`));
      };
      this.#client.makeUnaryRequest('/', nothing, nothing, undefined, { deadline: Date.now() + 1000 }, done);
    });
  }

  #watchEnd(): AbortSignal {
    const over = new AbortController();
    const end = () =>
      over.abort(new ForwarderError('unavailable', `the connection to ${grpcTarget(this.#options.address)} is over`));
    this.#client.getChannel().watchConnectivityState(connectivityState.READY, Number.POSITIVE_INFINITY, end);
    this.#secured?.transport.once('close', end);
    return over.signal;
  }
}
