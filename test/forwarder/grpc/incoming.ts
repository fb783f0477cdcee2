import { generateKeyPairSync } from 'node:crypto';
import { ForwarderError } from '../../../src/ports/error.js';
import type { Peer } from '../../../src/transport/peer.js';
import type { Headers, IncomingCall, Service } from '../../../src/transport/service.js';

/** A caller that proved to be a manager and passes no descriptors. */
export const manager: Peer = {
  spiffeId: 'spiffe://test/manager',
  notAfter: Date.UTC(2030, 0, 2),
  publicKey: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey,
  receive: () => Promise.reject(new ForwarderError('refused', 'no descriptor came')),
  sendFile: () => {
    throw new ForwarderError('unsupported', 'no files are passed here');
  },
};

/** A call as the transport hands it to a handler. */
export function incoming(
  given: { signal?: AbortSignal; metadata?: Headers; deadline?: number } = {},
): IncomingCall<Peer> {
  const { signal = new AbortController().signal, metadata = {}, deadline } = given;
  return { peer: manager, signal, metadata, sendHeaders: () => undefined, ...(deadline !== undefined && { deadline }) };
}

/** Calls a streaming method and reads what it says, one message at a time. */
export function stream<T>(
  service: Service<Peer>,
  method: string,
  request: unknown,
  call: IncomingCall<Peer>,
): AsyncIterator<T> {
  const handler = service.handlers[method];
  if (handler === undefined) throw new Error(`no method ${method}`);
  const answers = handler(request as never, call) as AsyncIterable<T>;
  return answers[Symbol.asyncIterator]();
}
