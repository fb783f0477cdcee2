import {
  type Connection,
  type ConnectionEvent,
  type Mechanism,
  MonitorConnectionService,
  type MonitorScopeSelector,
} from '../apis/generated/connection.js';
import type { ConnectionContext } from '../apis/generated/connectioncontext.js';
import { NetworkServiceService } from '../apis/generated/networkservice.js';
import { SystemClock } from '../src/clock/system-clock.js';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import { toForwarderError } from '../src/ports/error.js';
import type { CertificateSource } from '../src/ports/identity.js';
import { Channels } from '../src/transport/channels.js';
import type { Connection as Channel } from '../src/transport/connection.js';
import { Es256TokenIssuer } from '../src/transport/es256-token-issuer.js';
import { Changes } from './changes.js';
import { emptyContext, newConnection } from './messages.js';
import { freshNamespace, pathOf } from './network/fresh-namespace.js';
import { look, type SeenNamespace } from './network/look.js';

export interface ClientOptions {
  readonly name: string;
  readonly networkService: string;
  readonly source: CertificateSource;
  /** Where the forwarder is reached at this moment. */
  readonly forwarder: () => string;
  /** A fresh one unless told. */
  readonly namespace?: NamespaceFile;
  /** Told when this client's hold on its namespace ends. */
  readonly onEnd?: (namespace: NamespaceFile) => void;
}

/** What one Request asks for; what is absent is as usual. */
export interface Wish {
  /** From the pod's environment. */
  readonly token?: string | undefined;
  readonly interfaceName?: string;
  /** KERNEL unless told; of a connection that is there, as it is unless told. */
  readonly type?: string;
  readonly context?: ConnectionContext;
  /** The path of a file to send in the place of the client's network namespace; false: it is named and not sent. */
  readonly descriptor?: string | false;
  /** Further mechanism parameters, or others in the place of the usual ones. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Lifetime of the token that the call carries, ms; ten minutes unless told. */
  readonly tokenLifetimeMs?: number;
  /** The deadline that the forwarder is told, ms; 15 s unless told. */
  readonly timeoutMs?: number;
  /** Ends the call. */
  readonly signal?: AbortSignal;
}

const usual = { tokenLifetimeMs: 600_000, timeoutMs: 15_000 } as const;

/**
 * An NSM client with a network namespace of its own. It plays the manager's part as well, as the forwarder sees it: every
 * call comes on a fresh connection, with the namespace as a descriptor and a token for the path.
 */
export class SimulatedClient implements Disposable {
  readonly namespace: NamespaceFile;
  readonly id: string;
  readonly #options: ClientOptions;
  readonly #clock = new SystemClock();
  #connection: Connection | undefined;
  #ended = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.id = `${options.name}-0`;
    this.namespace = options.namespace ?? freshNamespace();
  }

  /** The connection as the forwarder last answered it. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Asks for a connection, or refreshes the one that is there. */
  async request(wish: Wish = {}): Promise<Connection> {
    const answer = await this.#onFreshChannel(wish, async (channel, signal) => {
      const { connection, preferences } = this.#message(wish, channel);
      return channel.unary(
        NetworkServiceService.request,
        { connection, mechanismPreferences: preferences },
        { signal, timeoutMs: wish.timeoutMs ?? usual.timeoutMs },
      );
    });
    this.#connection = answer;
    return answer;
  }

  /** Closes the connection, or another one. */
  async close({ connection = this.#connection, ...wish }: Wish & { readonly connection?: Connection } = {}) {
    const message = connection ?? newConnection(this.id, this.#options.name, this.#options.networkService);
    await this.#onFreshChannel(wish, (channel, signal) => {
      // As NSM clients do: the descriptor comes with the Close as well.
      if (message.mechanism !== undefined) this.#announce(wish, channel);
      return channel.unary(NetworkServiceService.close, message, {
        signal,
        timeoutMs: wish.timeoutMs ?? usual.timeoutMs,
      });
    });
    this.#connection = undefined;
  }

  /** Follows what the forwarder says of connections, those of this client unless told; ends with the signal. */
  async *monitor(signal: AbortSignal, selector?: MonitorScopeSelector): AsyncGenerator<ConnectionEvent> {
    const own = { pathSegments: [{ ...emptySegment, id: this.id }], networkServices: [] };
    await using channels = this.#channels(usual.tokenLifetimeMs);
    const events = new Changes<ConnectionEvent>();
    using kept = events.follow();
    const over = new AbortController();
    const reading = channels.use(this.#options.forwarder(), signal, async (channel) => {
      const stream = channel.stream(MonitorConnectionService.monitorConnections, selector ?? own, { signal });
      for await (const event of stream) events.publish(event);
    });
    const ended = reading.then(
      () => undefined,
      (thrown: unknown) => toForwarderError(thrown),
    );
    void ended.then(() => over.abort());
    yield* kept.until(over.signal);
    const error = await ended;
    if (error !== undefined && !signal.aborted) throw error;
  }

  /** Looks into the client's namespace with `ip`. */
  look(signal: AbortSignal): Promise<SeenNamespace> {
    return look(this.namespace, signal);
  }

  /** The pod ends: nothing of it keeps the namespace any more. */
  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.#ended = true;
    this.namespace[Symbol.dispose]();
    this.#options.onEnd?.(this.namespace);
  }

  async #onFreshChannel<T>(wish: Wish, work: (channel: Channel, signal: AbortSignal) => Promise<T>): Promise<T> {
    await using channels = this.#channels(wish.tokenLifetimeMs ?? usual.tokenLifetimeMs);
    using deadline = this.#clock.deadline(
      'a call of the client',
      2 * (wish.timeoutMs ?? usual.timeoutMs),
      ...(wish.signal === undefined ? [] : [wish.signal]),
    );
    return await channels.use(this.#options.forwarder(), deadline.signal, (channel) => work(channel, deadline.signal));
  }

  #channels(lifetimeMs: number): Channels {
    const { source } = this.#options;
    const tokens = new Es256TokenIssuer({ source, clock: this.#clock, lifetimeMs });
    return new Channels({ source, tokens, clock: this.#clock });
  }

  #message(wish: Wish, channel: Channel): { connection: Connection; preferences: Mechanism[] } {
    const { name, networkService } = this.#options;
    const inodeURL = this.#announce(wish, channel);
    const parameters = {
      name: wish.interfaceName ?? this.#connection?.mechanism?.parameters['name'] ?? 'nsm-1',
      inodeURL,
      ...(wish.token !== undefined && { tokenID: wish.token }),
      ...wish.parameters,
    };
    const known = this.#connection ?? newConnection(this.id, name, networkService);
    const mechanism = known.mechanism && {
      ...known.mechanism,
      ...(wish.type !== undefined && { type: wish.type }),
      parameters: { ...known.mechanism.parameters, ...parameters },
    };
    const context = wish.context ?? known.context ?? emptyContext;
    const preferences = [{ cls: 'LOCAL', type: wish.type ?? 'KERNEL', parameters }];
    return { connection: { ...known, mechanism, context }, preferences };
  }

  #announce({ descriptor = pathOf(this.namespace) }: Wish, channel: Channel): string {
    if (descriptor !== false) return channel.sendFile(descriptor);
    return `inode://${this.namespace.id}`;
  }
}

const emptySegment = { name: '', id: '', token: '', expires: undefined, metrics: {} };
