import { NetworkServiceService } from '../../../apis/generated/networkservice.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Channels } from '../../transport/channels.js';
import type { NextHops } from '../elements/connect-onward.js';
import type { EndpointSockets } from './endpoint-sockets.js';

/** Calls next hops over connections that are kept and shared. */
export function nextHopsOver(channels: Channels, sockets: EndpointSockets): NextHops {
  return {
    request: (url, request, signal) =>
      channels.use(sockets.target(url), signal, (connection) =>
        connection.unary(NetworkServiceService.request, request, { signal }).catch(refused),
      ),
    close: (url, message, signal) =>
      channels.use(sockets.target(url), signal, async (connection) => {
        await connection.unary(NetworkServiceService.close, message, { signal });
      }),
  };
}

/** Codes that a peer's application answers; the others also come from this side when nobody answered. */
function refused(thrown: unknown): never {
  const error = toForwarderError(thrown);
  const silent = error.kind === 'unavailable' || error.kind === 'timed-out' || error.kind === 'cancelled';
  if (silent) throw error;
  throw new ForwarderError(error.kind, error.message, { cause: error, details: { ...error.details, answered: true } });
}
