import { NetworkServiceService } from '../../../apis/generated/networkservice.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Channels } from '../../transport/channels.js';
import type { NextHops } from '../elements/connect-onward.js';
import type { EndpointSockets } from './endpoint-sockets.js';

/** Calls next hops over connections that are kept and shared, until one of them keeps a call waiting too long. */
export function nextHopsOver(channels: Channels, sockets: EndpointSockets): NextHops {
  const giveUpSilent = (url: string, thrown: unknown): ForwarderError => {
    const error = toForwarderError(thrown);
    // A peer that went away without a word would keep every later call waiting just as long.
    if (error.kind === 'timed-out') channels.drop(url);
    return error;
  };
  return {
    request: (url, request, wait) =>
      channels
        .use(sockets.target(url), wait.signal, (connection) =>
          connection.unary(NetworkServiceService.request, request, wait).catch(refused),
        )
        .catch((thrown: unknown) => {
          throw giveUpSilent(url, thrown);
        }),
    close: (url, message, wait) =>
      channels
        .use(sockets.target(url), wait.signal, async (connection) => {
          await connection.unary(NetworkServiceService.close, message, wait);
        })
        .catch((thrown: unknown) => {
          throw giveUpSilent(url, thrown);
        }),
  };
}

/**
 * Marks what the peer's application answered. The other codes come from this side too when nobody answered: INTERNAL
 * for a broken stream, for instance.
 */
function refused(thrown: unknown): never {
  const error = toForwarderError(thrown);
  const silent = error.kind === 'unavailable' || error.kind === 'timed-out' || error.kind === 'cancelled';
  if (silent || error.details['grpcCode'] === 'INTERNAL') throw error;
  throw new ForwarderError(error.kind, error.message, { cause: error, details: { ...error.details, answered: true } });
}
