import type { Duplex } from 'node:stream';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { CertificateSource } from '../ports/identity.js';
import type { PeerIdentity } from './peer-check.js';
import { tlsMaterial } from './tls-material.js';

export interface TlsAcceptorOptions {
  readonly source: CertificateSource;
  readonly clock: Clock;
  readonly handshakeTimeoutMs: number;
  /** So many handshakes at once; beyond, the oldest is dropped, so that silent peers cannot keep a new one out. */
  readonly maxHandshakes: number;
  /** A verified peer. */
  readonly onSecure: (connection: SecureConnection) => void;
  /** A handshake that failed, and why. */
  readonly onRefused: (error: ForwarderError) => void;
}

/** A connection whose handshake is done and whose peer passed the SPIFFE checks. */
export interface SecureConnection {
  readonly transport: Duplex;
  readonly tls: TLSSocket;
  readonly identity: PeerIdentity;
}

/**
 * Server-side handshakes on any stream. One tls.Server serves all connections, as parsing certificates and keys costs more than
 * a handshake; it is given new material when the source rotates, which running connections do not notice.
 */
export class TlsAcceptor implements Disposable {
  readonly #options: TlsAcceptorOptions;
  readonly #server: Server;
  readonly #handshakes = new Set<Duplex>();
  readonly #rotation: Disposable;

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    this.#server = createServer({
      requestCert: true,
      // Not refused by Node, which would not say why, but in #verify.
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      handshakeTimeout: options.handshakeTimeoutMs,
    });
    this.#rotation = options.source.onChange((material) =>
      this.#server.setSecureContext(tlsMaterial(material).options),
    );
    const material = options.source.current();
    if (material !== undefined) this.#server.setSecureContext(tlsMaterial(material).options);
  }

  /** Begins a handshake. The stream is destroyed if it fails. */
  accept(transport: Duplex): void {
    this.#dropOldest();
    this.#handshakes.add(transport);
    transport.once('close', () => this.#handshakes.delete(transport));
    this.#forOne(transport).emit('connection', transport);
  }

  [Symbol.dispose](): void {
    this.#rotation[Symbol.dispose]();
    for (const transport of this.#handshakes) transport.destroy();
  }

  /**
   * The server as one handshake sees it. tls.Server tells how a handshake ended, but not on which stream; here what it
   * tells goes to the stream it is about. An AsyncLocalStorage would carry the stream as well, at a price for every
   * promise of the process.
   */
  #forOne(transport: Duplex): Pick<Server, 'emit'> {
    const server = this.#server;
    const emit = (event: string, ...args: unknown[]): boolean => {
      const [first] = args;
      if (event === 'secureConnection') this.#onSecure(transport, first as TLSSocket);
      else if (event === 'tlsClientError') this.#onFailed(transport, first as Error);
      else return Reflect.apply(server.emit, one, [event, ...args]);
      return true;
    };
    const one = Object.create(server, { emit: { value: emit } }) as Server;
    return one;
  }

  #onSecure(transport: Duplex, tls: TLSSocket): void {
    tls.on('error', () => transport.destroy());
    tls.once('close', () => transport.destroy());
    try {
      this.#handshakes.delete(transport);
      this.#options.onSecure({ transport, tls, identity: this.#verify(tls) });
    } catch (error) {
      tls.destroy();
      transport.destroy();
      this.#options.onRefused(toForwarderError(error));
    }
  }

  #verify(tls: TLSSocket): PeerIdentity {
    const { source, clock } = this.#options;
    const material = source.current();
    if (material === undefined) throw new ForwarderError('unavailable', 'this process has no certificate yet');
    if (tls.alpnProtocol !== 'h2') throw new ForwarderError('invalid', 'the peer does not speak HTTP/2 (ALPN h2)');
    const identity = tlsMaterial(material).check.verify(tls.getPeerX509Certificate(), clock.wallTime());
    if (!tls.authorized) throw new ForwarderError('unauthenticated', `${identity.spiffeId}: ${tls.authorizationError}`);
    return identity;
  }

  #onFailed(transport: Duplex, cause: Error): void {
    transport.destroy();
    this.#options.onRefused(new ForwarderError('unauthenticated', `TLS handshake failed: ${cause.message}`, { cause }));
  }

  #dropOldest(): void {
    if (this.#handshakes.size < this.#options.maxHandshakes) return;
    const [oldest] = this.#handshakes;
    oldest?.destroy(new ForwarderError('exhausted', `more than ${this.#options.maxHandshakes} handshakes at once`));
    if (oldest !== undefined) this.#handshakes.delete(oldest);
  }
}
