import {
  Metadata,
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type UntypedHandleCall,
} from '@grpc/grpc-js';
import { ForwarderError } from '../ports/error.js';
import type { Telemetry } from '../ports/telemetry.js';
import { toServiceError } from './grpc-status.js';
import type { Headers, IncomingCall, Service, StreamHandler, UnaryHandler } from './service.js';

type ServerCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** Finds who calls; what it throws is the answer. */
export type PeerLookup<P> = (grpcPeer: string) => P;

/** What answering a call takes besides its handler. */
export interface Answering<P> {
  readonly peerOf: PeerLookup<P>;
  /** Told of every unary call. */
  readonly telemetry: Telemetry;
}

/** Registers services with a grpc-js server. */
export function addServices<P>(server: Server, services: readonly Service<P>[], answering: Answering<P>): void {
  for (const { definition, handlers } of services) {
    const implementation = Object.entries(handlers).flatMap(([name, handler]): [string, UntypedHandleCall][] => {
      if (handler === undefined) return [];
      const { path = name, responseStream = false } = definition[name] ?? {};
      return [
        [
          name,
          responseStream
            ? streaming(handler as StreamHandler<unknown, unknown, P>, answering)
            : unary({ path, handler: handler as UnaryHandler<unknown, unknown, P> }, answering),
        ],
      ];
    });
    server.addService(definition, Object.fromEntries(implementation));
  }
}

function unary<P>(
  { path, handler }: { path: string; handler: UnaryHandler<unknown, unknown, P> },
  { peerOf, telemetry }: Answering<P>,
): UntypedHandleCall {
  const answer = async (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => {
    try {
      using incoming = incomingCall(call, peerOf);
      const { traceparent } = incoming.metadata;
      done(null, await telemetry.serve(path, traceparent, () => handler(call.request, incoming)));
    } catch (error) {
      done(toServiceError(error));
    }
  };
  return (call: ServerUnaryCall<unknown, unknown>, done: sendUnaryData<unknown>) => void answer(call, done);
}

function streaming<P>(
  handler: StreamHandler<unknown, unknown, P>,
  { peerOf }: Pick<Answering<P>, 'peerOf'>,
): UntypedHandleCall {
  const answer = async (call: ServerWritableStream<unknown, unknown>) => {
    try {
      using incoming = incomingCall(call, peerOf);
      for await (const message of handler(call.request, incoming)) {
        if (incoming.signal.aborted) throw incoming.signal.reason;
        if (!call.write(message)) await drained(call, incoming.signal);
      }
      call.end();
    } catch (error) {
      call.emit('error', toServiceError(error));
    }
  };
  return (call: ServerWritableStream<unknown, unknown>) => void answer(call);
}

function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      call.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    call.on('drain', go);
    signal.addEventListener('abort', go);
    if (signal.aborted) go();
  });
}

function incomingCall<P>(call: ServerCall, peerOf: PeerLookup<P>): IncomingCall<P> & Disposable {
  const controller = new AbortController();
  const deadline = deadlineOf(call);
  const onCancelled = () => controller.abort(whyCancelled(deadline));
  call.on('cancelled', onCancelled);
  if (call.cancelled) onCancelled();
  return {
    peer: peerOf(call.getPeer()),
    signal: controller.signal,
    metadata: toHeaders(call.metadata),
    ...(deadline === undefined ? {} : { deadline }),
    sendHeaders: (headers) => call.sendMetadata(toMetadata(headers)),
    [Symbol.dispose]: () => void call.off('cancelled', onCancelled),
  };
}

function deadlineOf(call: ServerCall): number | undefined {
  const deadline = call.getDeadline();
  const time = deadline instanceof Date ? deadline.getTime() : deadline;
  return Number.isFinite(time) ? time : undefined;
}

function whyCancelled(deadline: number | undefined): ForwarderError {
  if (deadline !== undefined && deadline <= Date.now())
    return new ForwarderError('timed-out', "the caller's deadline passed");
  return new ForwarderError('cancelled', 'the caller left');
}

/** Plain pairs of grpc-js metadata. */
export function toHeaders(metadata: Metadata): Headers {
  return Object.fromEntries(Object.entries(metadata.getMap()).map(([key, value]) => [key, value.toString()]));
}

/** grpc-js metadata of plain pairs. */
export function toMetadata(headers: Headers): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return metadata;
}
