import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** Metadata as plain pairs, keys in lower case; of a key that comes twice the first value counts. Text only, no `-bin` keys. */
export type Headers = Readonly<Record<string, string>>;

/** A call as its handler sees it. `P` says who calls: a `Peer` under mTLS, undefined on a plaintext socket. */
export interface IncomingCall<P> {
  readonly peer: P;
  /** Fires with `cancelled` when the caller leaves and with `timed-out` when its deadline passes. */
  readonly signal: AbortSignal;
  /** ms since the epoch; absent when the caller set none. */
  readonly deadline?: number;
  readonly metadata: Headers;
  /** Sends response headers now; without it they go with the first message. At most once. */
  sendHeaders(headers: Headers): void;
}

/** Answers a call. What it throws becomes the status of its kind, with its message. */
export type UnaryHandler<Req, Res, P> = (request: Req, call: IncomingCall<P>) => Promise<Res>;

/** Answers a call with any number of messages. It must end when the call's signal fires: nothing else stops it. */
export type StreamHandler<Req, Res, P> = (request: Req, call: IncomingCall<P>) => AsyncIterable<Res>;

type Handler<M, P> =
  M extends MethodDefinition<infer Req, infer Res>
    ? M extends { requestStream: true }
      ? never
      : M extends { responseStream: true }
        ? StreamHandler<Req, Res, P>
        : UnaryHandler<Req, Res, P>
    : never;

/** A handler for each method that is served; the others answer UNIMPLEMENTED. */
export type Handlers<D, P> = { readonly [K in keyof D]?: Handler<D[K], P> };

/** A generated service definition with its handlers. */
export interface Service<P> {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<
    Record<string, UnaryHandler<never, unknown, P> | StreamHandler<never, unknown, P> | undefined>
  >;
}

/** Puts handlers to a generated definition (`...Service`), each typed by its method. */
export function service<D extends object, P>(definition: D, handlers: Handlers<D, P>): Service<P> {
  return { definition: definition as unknown as ServiceDefinition, handlers: handlers as Service<P>['handlers'] };
}
