import type { Connection } from '../../../apis/generated/connection.js';
import type { TokenIssuer } from '../../ports/identity.js';
import type { Caller } from '../chain/call.js';
import type { Element } from '../chain/element.js';
import { withSegment } from '../chain/path.js';
import { timestamp } from '../chain/timestamp.js';

/**
 * Writes the caller's token into the caller's path segment and one of our own, addressed to the caller, into ours. The
 * caller's is written only when it came with the call; whatever the path said before stays otherwise. The state goes on
 * as it came: each component on the way gives up its own half when a reselection is asked for.
 */
export function updateToken(issuer: TokenIssuer): Element {
  return {
    name: 'update-token',
    request: (call, next) => next({ ...call, connection: withTokens(call.connection, call.caller, issuer) }),
  };
}

/** The connection with fresh tokens in the caller's and in our own segment. */
export function withTokens(connection: Connection, caller: Caller, issuer: TokenIssuer): Connection {
  const index = connection.path?.index ?? 0;
  const own = issuer.issue(caller.spiffeId, caller.certificateEnd);
  const entered =
    caller.token === undefined || index === 0
      ? connection
      : withSegment(connection, index - 1, { token: caller.token.value, expires: timestamp(caller.token.expires) });
  return withSegment(entered, index, { token: own.token, expires: timestamp(own.expires) });
}
