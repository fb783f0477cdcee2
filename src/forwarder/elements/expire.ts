import type { Clock } from '../../ports/clock.js';
import { ForwarderError } from '../../ports/error.js';
import type { Call } from '../chain/call.js';
import type { Element } from '../chain/element.js';
import { previousSegment } from '../chain/path.js';
import { milliseconds } from '../chain/timestamp.js';

/** Time kept for closing while tokens are still good, when the caller does not say how long a call may take. */
const usualCallMs = 15_000;

/**
 * Closes a connection that is not refreshed before its caller's token ends: early enough that the Close to the next hop
 * still carries valid tokens, as all NSM components do it by the caller's own deadline.
 *
 * A caller that names no end is refused at once, before anything is touched.
 */
export function expire(clock: Clock): Element {
  return {
    name: 'expire',
    async request(call, next) {
      const end = tokenEnd(call);
      const left = end - clock.wallTime();
      if (left <= 0) throw new ForwarderError('unauthenticated', 'the token of the previous path segment has expired');
      const callTime = call.caller.deadline === undefined ? usualCallMs : call.caller.deadline - clock.wallTime();
      const answer = await next(call);
      call.held.expires = end - Math.min(Math.max(callTime, 0), left / 2);
      return answer;
    },
  };
}

function tokenEnd(call: Call): number {
  const previous = previousSegment(call.connection);
  if (previous?.expires !== undefined) return milliseconds(previous.expires);
  const own = call.connection.path?.pathSegments[call.connection.path.index];
  if (previous === undefined && own?.expires !== undefined) return milliseconds(own.expires);
  throw new ForwarderError(
    'invalid',
    `path segment ${JSON.stringify(previous?.name ?? '')} says no expiry and the call carried no token: ` +
      'a connection that nobody refreshes could never be closed',
  );
}
