import { readToken } from '../../policies/jwt.js';
import type { Call } from './call.js';

/**
 * The SPIFFE id of the client itself, who begins the path: from its own token, which the policies have judged, or from
 * its certificate where nobody is between it and us. Undefined when it showed none.
 */
export function clientOf({ connection: { path }, caller }: Pick<Call, 'connection' | 'caller'>): string | undefined {
  if (path === undefined || path.index <= 1) return caller.spiffeId;
  return readToken(path.pathSegments[0]?.token ?? '').claims?.subject;
}
