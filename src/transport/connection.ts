import type { TokenIssuer } from '../ports/identity.js';
import type { Telemetry } from '../ports/telemetry.js';
import { type Caller, type CallOptions, GrpcCaller, type Method } from './caller.js';
import type { Dialled } from './dial.js';
import { formatGoTime } from './go-time.js';
import type { InodeUrl } from './inode-url.js';
import { descriptorCarrier, type Peer, peerOn } from './peer.js';
import type { Headers } from './service.js';

/** The metadata in which every NSM client presents itself (nsm-wire 5.3). */
export const tokenHeader = 'nsm-client-token';
export const tokenExpiresHeader = 'nsm-client-token-expires';

/** What the calls on a connection take. */
export interface CallParts {
  readonly tokens: TokenIssuer;
  /** Told of every unary call. */
  readonly telemetry: Telemetry;
}

/** One connection to a next hop. Every call on it carries a fresh token for this very peer. */
export class Connection implements Caller {
  /** Who answered the handshake; receives the descriptors that it sends with its answers. */
  readonly peer: Peer;
  readonly #dialled: Dialled;
  readonly #parts: CallParts;
  readonly #caller: GrpcCaller;

  constructor(dialled: Dialled, parts: CallParts) {
    this.#dialled = dialled;
    this.#parts = parts;
    this.peer = peerOn(dialled.transport, dialled.identity);
    this.#caller = new GrpcCaller(dialled.client, () => this.#headers());
  }

  /**
   * Sends a file ahead of the next call, and returns the name to use for it there. The peer keeps it as long as this
   * connection lasts.
   *
   * @throws ForwarderError `not-found` (no such file), `unsupported` (TCP), `unavailable` (connection closed)
   */
  sendFile(path: string): InodeUrl {
    return descriptorCarrier(this.#dialled.transport).sendFile(path);
  }

  unary<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<Res> {
    return this.#parts.telemetry.call(method.path, () => this.#caller.unary(method, request, options));
  }

  stream<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): AsyncIterable<Res> {
    return this.#caller.stream(method, request, options);
  }

  list<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<readonly Res[]> {
    return this.#caller.list(method, request, options);
  }

  #headers(): Headers {
    const { tokens, telemetry } = this.#parts;
    const { token, expires } = tokens.issue(this.peer.spiffeId, this.peer.notAfter);
    const traceparent = telemetry.traceparent();
    const presented = { [tokenHeader]: token, [tokenExpiresHeader]: formatGoTime(expires) };
    return traceparent === undefined ? presented : { ...presented, traceparent };
  }
}
