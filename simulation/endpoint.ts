import type { Connection } from '../apis/generated/connection.js';
import type { ConnectionContext, IPContext } from '../apis/generated/connectioncontext.js';
import { type NetworkServiceRequest, NetworkServiceService } from '../apis/generated/networkservice.js';
import { SystemClock } from '../src/clock/system-clock.js';
import { ForwarderError } from '../src/ports/error.js';
import type { CertificateSource, TokenIssuer } from '../src/ports/identity.js';
import type { Log } from '../src/ports/log.js';
import { type Listener, listen } from '../src/transport/listen.js';
import type { Peer } from '../src/transport/peer.js';
import { type IncomingCall, service } from '../src/transport/service.js';
import { Changes } from './changes.js';
import { emptyContext, emptyIpContext } from './messages.js';

export interface EndpointOptions {
  readonly name: string;
  readonly url: string;
  readonly source: CertificateSource;
  readonly issuer: TokenIssuer;
  readonly log: Log;
  /** Awaited before every answer. */
  readonly beforeAnswer?: () => Promise<void>;
}

/** How the endpoint takes Requests. */
export type Behaviour =
  /** Agrees; `context` changes the context it would answer with, `meanwhile` happens before the answer. */
  | {
      readonly kind: 'agree';
      readonly context?: (usual: ConnectionContext) => ConnectionContext | undefined;
      readonly meanwhile?: () => Promise<void>;
    }
  /** Says no. */
  | { readonly kind: 'refuse'; readonly error: ForwarderError }
  /** Says nothing, as long as the caller waits. */
  | { readonly kind: 'silent' };

/** A network service endpoint over NOOP that gives each connection a pair of addresses. */
export class SimulatedEndpoint implements AsyncDisposable {
  behaviour: Behaviour = { kind: 'agree' };
  /** What a Close is answered with in the place of agreement; the connection then stays. */
  closeError: ForwarderError | undefined;
  /** Closes that were asked for connections it did not have. */
  strayCloses = 0;
  /** Requests that arrived, refused ones included. */
  requests = 0;
  /** The last of them, as it came. */
  lastRequest: NetworkServiceRequest | undefined;
  readonly #options: EndpointOptions;
  readonly #open = new Map<string, number>();
  readonly #changes = new Changes<void>();
  #listener: Listener | undefined;

  private constructor(options: EndpointOptions) {
    this.#options = options;
  }

  static async start(options: EndpointOptions): Promise<SimulatedEndpoint> {
    const endpoint = new SimulatedEndpoint(options);
    const { url, source, log } = options;
    endpoint.#listener = await listen({
      url,
      source,
      services: [
        service<typeof NetworkServiceService, Peer>(NetworkServiceService, {
          request: (request, call) => endpoint.#request(request, call),
          close: (connection) => endpoint.#close(connection),
        }),
      ],
      clock: new SystemClock(),
      log,
      signal: new AbortController().signal,
    });
    return endpoint;
  }

  get name(): string {
    return this.#options.name;
  }

  get url(): string {
    return this.#options.url;
  }

  /** How many connections are open here. */
  get connections(): number {
    return this.#open.size;
  }

  /** Every connection ends here, as with the tokens of its path. */
  expireAll(): void {
    this.#open.clear();
    this.#changes.publish();
  }

  /** Resolves when the condition holds; it is looked at after everything that is asked of the endpoint. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    await this.#changes.until(condition, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener?.[Symbol.asyncDispose]();
  }

  async #request(request: NetworkServiceRequest, call: IncomingCall<Peer>): Promise<Connection> {
    const { behaviour } = this;
    this.requests += 1;
    this.lastRequest = request;
    this.#changes.publish();
    if (behaviour.kind === 'refuse') throw behaviour.error;
    if (behaviour.kind === 'silent') await given(call.signal);
    const { connection, mechanismPreferences } = request;
    if (connection?.path === undefined) throw new ForwarderError('invalid', 'the request has no path');
    const number = this.#numberOf(connection.id);
    if (behaviour.kind === 'agree') await behaviour.meanwhile?.();
    await this.#options.beforeAnswer?.();
    const usual = contextFor(number, connection.context);
    const context = behaviour.kind === 'agree' && behaviour.context !== undefined ? behaviour.context(usual) : usual;
    return {
      ...this.#inPath(connection, call.peer),
      mechanism: connection.mechanism ?? mechanismPreferences[0],
      networkServiceEndpointName: this.name,
      context,
    };
  }

  async #close(connection: Connection): Promise<object> {
    if (this.closeError !== undefined) throw this.closeError;
    if (!this.#open.delete(connection.id)) this.strayCloses += 1;
    this.#changes.publish();
    return {};
  }

  #numberOf(id: string): number {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const taken = new Set(this.#open.values());
    let number = 0;
    while (taken.has(number)) number += 1;
    this.#open.set(id, number);
    return number;
  }

  /** The path with this endpoint at its end; the connection stays the caller's. */
  #inPath(connection: Connection, peer: Peer): Connection {
    const { token, expires } = this.#options.issuer.issue(peer.spiffeId, peer.notAfter);
    const index = connection.path?.index ?? 0;
    const own = {
      name: this.name,
      id: `${this.name}-${this.#open.get(connection.id)}`,
      token,
      expires: { seconds: expires / 1000, nanos: 0 },
      metrics: {},
    };
    const pathSegments = [...(connection.path?.pathSegments.slice(0, index + 1) ?? []), own];
    return { ...connection, path: { ...connection.path, index, pathSegments } };
  }
}

/** A pair of addresses of each family for the connection with this number, out of 172.16.0.0/12 and fd00:16::/32. */
function contextFor(number: number, asked: ConnectionContext | undefined): ConnectionContext {
  const host = number * 2;
  const v4 = (offset: number) => `172.16.${(host + offset) >> 8}.${(host + offset) & 255}/32`;
  const v6 = (offset: number) => `fd00:16::${(host + offset + 1).toString(16)}/128`;
  const ipContext: IPContext = {
    ...(asked?.ipContext ?? emptyIpContext),
    srcIpAddrs: [v4(1), v6(1)],
    dstIpAddrs: [v4(0), v6(0)],
    srcRoutes: [{ prefix: v4(0), nextHop: '' }],
    dstRoutes: [{ prefix: v4(1), nextHop: '' }],
  };
  return { ...(asked ?? emptyContext), ipContext };
}

/** Never resolves; rejects when the caller has left. */
function given(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
  });
}
