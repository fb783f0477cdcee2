import { type KeyObject, verify } from 'node:crypto';
import { ForwarderError } from '../ports/error.js';

/** What a token says. Reading proves nothing: the signature is not looked at. */
export interface TokenClaims {
  /** The issuer's SPIFFE ID. */
  readonly subject?: string;
  /** SPIFFE IDs of those it is meant for; empty when the claim is missing or no list, as NSM has none but lists. */
  readonly audience: readonly string[];
  /** ms since the epoch. */
  readonly expires?: number;
  /** From when on it is good, ms since the epoch; absent: always. */
  readonly begins?: number;
}

/**
 * Reads the claims of a JWT (RFC 7519; nsm-wire 5.3) **without verifying** it.
 *
 * @throws ForwarderError `invalid` when it is not a JWT; the message does not quote it
 */
export function decodeToken(token: string): TokenClaims {
  const { sub, aud, exp, nbf } = partsOf(token).claims;
  return {
    audience: Array.isArray(aud) ? aud.filter((name) => typeof name === 'string') : [],
    ...(typeof sub === 'string' && { subject: sub }),
    ...(typeof exp === 'number' && { expires: exp * 1000 }),
    ...(typeof nbf === 'number' && { begins: nbf * 1000 }),
  };
}

/** A path segment's token, read once. */
export interface PathToken {
  readonly text: string;
  /** Absent when the segment has none, or none that is a JWT. */
  readonly claims?: TokenClaims;
}

export function readToken(text: string): PathToken {
  try {
    return { text, claims: decodeToken(text) };
  } catch {
    return { text };
  }
}

/** Whether the token is a JWT signed with ES256 by the owner of this key (RFC 7518 3.4). */
export function isSignedBy(token: string, key: KeyObject): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  try {
    if (partsOf(token).header['alg'] !== 'ES256' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return false;
    const signed = Buffer.from(`${header}.${payload}`);
    return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}

type JsonRecord = Readonly<Record<string, unknown>>;

function partsOf(token: string): { readonly header: JsonRecord; readonly claims: JsonRecord } {
  const parts = token.split('.');
  if (parts.length !== 3) {
    throw new ForwarderError(
      'invalid',
      `malformed token: expected three parts, got ${token === '' ? 0 : parts.length}`,
    );
  }
  const [header = '', claims = ''] = parts;
  return { header: jsonObject(header, 'header'), claims: jsonObject(claims, 'claims') };
}

function jsonObject(part: string, what: string): JsonRecord {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    if (typeof value === 'object' && value !== null) return value as JsonRecord;
  } catch {
    // Not the parser's message: it quotes the text.
  }
  throw new ForwarderError('invalid', `malformed token: its ${what} are no JSON object`);
}
