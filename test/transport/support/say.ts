import type { ForwarderError } from '../../../src/ports/error.js';
import { EchoService } from './echo-service.js';
import { type NodePair, never } from './node-pair.js';

/** One call over the pair's client. */
export function say(pair: Pick<NodePair, 'channels' | 'server'>, text: string, signal = never): Promise<string> {
  return pair.channels.use(pair.server.url, signal, (connection) =>
    connection.unary(EchoService.say, text, { signal }),
  );
}

/** What a promise fails with. */
export function failure(promise: Promise<unknown>): Promise<ForwarderError> {
  return promise.then(
    () => Promise.reject(new Error('expected an error')),
    (error: unknown) => error as ForwarderError,
  );
}

/** Handlers that answer what they were asked. */
export const echo = { say: async (text: string) => text };
