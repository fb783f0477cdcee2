import { Client, credentials } from '@grpc/grpc-js';
import { type Caller, GrpcCaller } from './caller.js';
import { clientOptions } from './client-options.js';
import { grpcTarget, parseEndpointAddress } from './endpoint-address.js';

/** A plaintext gRPC client (kubelet, SPIFFE Workload API). Connects with the first call, and again when it has to. */
export interface PlainClient extends Caller, Disposable {}

/**
 * @param address `unix:///path`, an absolute path, or `tcp://host:port`
 * @throws ForwarderError `invalid` for anything else
 */
export function plainClient(address: string): PlainClient {
  const target = grpcTarget(parseEndpointAddress(address.startsWith('/') ? `unix://${address}` : address));
  const client = new Client(target, credentials.createInsecure(), clientOptions);
  const caller = new GrpcCaller(client);
  return {
    unary: (method, request, options) => caller.unary(method, request, options),
    list: (method, request, options) => caller.list(method, request, options),
    stream: (method, request, options) => caller.stream(method, request, options),
    [Symbol.dispose]: () => client.close(),
  };
}
