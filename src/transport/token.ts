import { ForwarderError } from '../ports/error.js';

/** What a token says. Reading proves nothing: the signature is not looked at. */
export interface TokenClaims {
  /** The issuer's SPIFFE ID. */
  readonly subject?: string;
  /** SPIFFE IDs of those it is meant for. */
  readonly audience: readonly string[];
  /** ms since the epoch. */
  readonly expires?: number;
}

/**
 * Reads the claims of a JWT (RFC 7519; nsm-wire 5.3) **without verifying** it.
 *
 * @throws ForwarderError `invalid` when it is not a JWT
 */
export function decodeToken(token: string): TokenClaims {
  const claims = payloadOf(token);
  const { sub, aud, exp } = claims;
  const audience =
    typeof aud === 'string' ? [aud] : Array.isArray(aud) ? aud.filter((name) => typeof name === 'string') : [];
  return {
    audience,
    ...(typeof sub === 'string' ? { subject: sub } : {}),
    ...(typeof exp === 'number' ? { expires: exp * 1000 } : {}),
  };
}

function payloadOf(token: string): Record<string, unknown> {
  const parts = token.split('.');
  try {
    const payload: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString());
    if (parts.length === 3 && typeof payload === 'object' && payload !== null)
      return payload as Record<string, unknown>;
  } catch (cause) {
    throw new ForwarderError('invalid', 'malformed token: its middle part is not JSON', { cause });
  }
  throw new ForwarderError(
    'invalid',
    `malformed token: expected three parts with an object in the middle, got ${parts.length} parts`,
  );
}
