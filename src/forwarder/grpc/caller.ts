import { ForwarderError } from '../../ports/error.js';
import { tokenExpiresHeader, tokenHeader } from '../../transport/connection.js';
import { parseGoTime } from '../../transport/go-time.js';
import type { Peer } from '../../transport/peer.js';
import type { IncomingCall } from '../../transport/service.js';
import type { Caller } from '../chain/call.js';

/**
 * Who sent a call, in the forwarder's own terms. A caller that sends half a token, or one that says nonsense, is taken
 * as one that sends none: then the path has to say when its token ends.
 */
export function callerOf(call: IncomingCall<Peer>): Caller {
  const token = tokenOf(call);
  return {
    spiffeId: call.peer.spiffeId,
    certificateEnd: call.peer.notAfter,
    ...(token !== undefined && { token }),
    ...(call.deadline !== undefined && { deadline: call.deadline }),
    receive: (inodeUrl, signal) => call.peer.receive(inodeUrl, signal),
  };
}

function tokenOf({ metadata }: IncomingCall<Peer>): Caller['token'] {
  const value = metadata[tokenHeader];
  const expires = metadata[tokenExpiresHeader];
  if (value === undefined || expires === undefined) return undefined;
  try {
    return { value, expires: parseGoTime(expires) };
  } catch (error) {
    if (error instanceof ForwarderError) return undefined;
    throw error;
  }
}
