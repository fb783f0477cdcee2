import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { CertificateSource, TokenIssuer } from '../ports/identity.js';
import { noTelemetry, type Telemetry } from '../ports/telemetry.js';
import { Connection } from './connection.js';
import { shelfDefaults } from './descriptor-shelf.js';
import { type Dialled, dial } from './dial.js';
import { parseEndpointAddress } from './endpoint-address.js';

export interface ChannelsOptions {
  readonly source: CertificateSource;
  readonly tokens: TokenIssuer;
  readonly clock: Clock;
  /** How long connecting and the handshake may take, ms; 10 s unless given. */
  readonly dialTimeoutMs?: number;
  /** How long an unused connection is kept, ms; 5 min unless given. */
  readonly idleTimeoutMs?: number;
  /** How long a peer may owe us a descriptor that it announced, ms. */
  readonly descriptorPatienceMs?: number;
  /** Told of every unary call. */
  readonly telemetry?: Telemetry;
}

/** Where to connect. */
export interface Target {
  /** Names the peer: calls with the same key share a connection. */
  readonly key: string;
  /** `unix:///path`, also `/proc/self/fd/N`, or `tcp://host:port`; of a shared connection that of its first user. */
  readonly address: string;
}

/** A connection that is kept, or on its way. */
interface Kept {
  readonly dialled: Promise<Dialled>;
  readonly dialling: AbortController;
  users: number;
  idle: Disposable | undefined;
  /** No longer handed out; closes with its last user. */
  retired: boolean;
}

/**
 * Connections to next hops, one per target, shared by all calls to it: dialled on first use, dropped when the peer goes away,
 * when unused for a while, and when our own certificate changes (running calls finish first).
 */
export class Channels implements AsyncDisposable {
  readonly #options: Required<ChannelsOptions>;
  readonly #kept = new Map<string, Kept>();
  readonly #open = new Set<Kept>();
  readonly #rotation: Disposable;
  #closed = false;

  constructor(options: ChannelsOptions) {
    const { patienceMs: descriptorPatienceMs } = shelfDefaults;
    this.#options = {
      dialTimeoutMs: 10_000,
      idleTimeoutMs: 300_000,
      descriptorPatienceMs,
      telemetry: noTelemetry,
      ...options,
    };
    this.#rotation = options.source.onChange(() => this.#retireAll());
  }

  /**
   * Runs work on the connection to a target, dialling it if need be. A target that is a plain address is its own key.
   * The connection stays at least as long as the work runs.
   *
   * @throws ForwarderError `invalid` (target), `unavailable`, `unauthenticated`, `timed-out` (dial), the signal's reason, or what
   * the work throws
   */
  async use<T>(target: string | Target, signal: AbortSignal, work: (connection: Connection) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const { key, address } = typeof target === 'string' ? { key: target, address: target } : target;
    const kept = this.#kept.get(key) ?? this.#dial(key, address);
    kept.users += 1;
    kept.idle?.[Symbol.dispose]();
    try {
      const dialled = await orAborted(kept.dialled, signal);
      return await work(new Connection(dialled, this.#options));
    } finally {
      kept.users -= 1;
      this.#whenUnused(key, kept);
    }
  }

  /** Takes the connection with this key out of use, and closes it once its users are done. */
  drop(key: string): void {
    const kept = this.#kept.get(key);
    if (kept !== undefined) this.#retire(key, kept);
  }

  /** How many connections are open or being opened. */
  get size(): number {
    return this.#open.size;
  }

  /** Closes every connection at once; running calls fail. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#rotation[Symbol.dispose]();
    this.#kept.clear();
    await Promise.all([...this.#open].map((kept) => this.#destroy(kept)));
  }

  #dial(key: string, target: string): Kept {
    if (this.#closed) throw new ForwarderError('unavailable', 'no more connections: shutting down');
    const address = parseEndpointAddress(target);
    const { clock, dialTimeoutMs } = this.#options;
    const dialling = new AbortController();
    const dialOnce = async () => {
      using deadline = clock.deadline(`connecting to ${target}`, dialTimeoutMs, dialling.signal);
      return await dial({ ...this.#options, address, signal: deadline.signal });
    };
    const kept: Kept = { dialled: dialOnce(), dialling, users: 0, idle: undefined, retired: false };
    this.#kept.set(key, kept);
    this.#open.add(kept);
    const end = () => this.#retire(key, kept);
    kept.dialled.then(({ over }) => (over.aborted ? end() : over.addEventListener('abort', end, { once: true })), end);
    return kept;
  }

  #whenUnused(key: string, kept: Kept): void {
    if (kept.users > 0) return;
    if (kept.retired) {
      void this.#destroy(kept);
      return;
    }
    const { clock, idleTimeoutMs } = this.#options;
    kept.idle = clock.alarm(idleTimeoutMs, () => this.#retire(key, kept));
  }

  #retireAll(): void {
    for (const [key, kept] of [...this.#kept]) this.#retire(key, kept);
  }

  #retire(key: string, kept: Kept): void {
    if (this.#kept.get(key) === kept) this.#kept.delete(key);
    kept.retired = true;
    kept.idle?.[Symbol.dispose]();
    if (kept.users === 0) void this.#destroy(kept);
  }

  async #destroy(kept: Kept): Promise<void> {
    if (!this.#open.delete(kept)) return;
    kept.retired = true;
    kept.idle?.[Symbol.dispose]();
    kept.dialling.abort(new ForwarderError('unavailable', 'the connection was given up'));
    const dialled = await kept.dialled.catch(() => undefined);
    if (dialled === undefined) return;
    const { client, transport } = dialled;
    client.close();
    if (transport.closed) return;
    const closed = new Promise((resolve) => transport.once('close', resolve));
    transport.destroy();
    await closed;
  }
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(toForwarderError(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
