import { createServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { noTelemetry } from '../ports/telemetry.js';
import { addServices } from './add-services.js';
import { parseEndpointAddress } from './endpoint-address.js';
import { startListening } from './listening-socket.js';
import type { Service } from './service.js';

export interface PlainListenOptions {
  /** `unix:///path`, an absolute path, or `tcp://host:port`. */
  readonly address: string;
  readonly services: readonly Service<undefined>[];
  /** Ends the server at once. */
  readonly signal: AbortSignal;
}

/** A plaintext gRPC server; the socket file goes with it. */
export interface PlainListener extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves plaintext gRPC: for the sockets whose directory is their only lock.
 *
 * @throws ForwarderError `invalid` (address), `exists` (somebody listens there)
 */
export async function listenPlain({ address, services, signal }: PlainListenOptions): Promise<PlainListener> {
  const grpc = new Server();
  addServices(grpc, services, { peerOf: () => undefined, telemetry: noTelemetry });
  const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
  const net = createServer((socket) => injector.injectConnection(socket));
  const url = await startListening(net, parseEndpointAddress(address.startsWith('/') ? `unix://${address}` : address));
  const closed = new Promise<void>((resolve) => net.once('close', () => resolve()));
  const close = () => {
    signal.removeEventListener('abort', onAbort);
    net.close();
    grpc.forceShutdown();
    return closed;
  };
  const onAbort = () => void close();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) await close();
  return { url, [Symbol.asyncDispose]: close };
}
