import { sign } from 'node:crypto';
import type { X509Material } from '../../../src/ports/identity.js';

/** What a token says that nobody honest would issue; what is absent is as in an honest one of the signer. */
export interface Forgery {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Without a signature. */
  readonly unsigned?: true;
}

/** A token for one peer, signed with the key of an identity, whatever it says. */
export function forgeToken(signer: X509Material, audience: string, { claims, header, unsigned }: Forgery = {}): string {
  const usual = { sub: signer.spiffeId, aud: [audience], exp: secondsFromNow(600) };
  const text = `${encode({ alg: 'ES256', typ: 'JWT', ...header })}.${encode({ ...usual, ...claims })}`;
  if (unsigned) return `${text}.`;
  const key = { key: Buffer.from(signer.privateKey), format: 'der', type: 'pkcs8', dsaEncoding: 'ieee-p1363' } as const;
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

/** Seconds since the epoch, as tokens count. */
export function secondsFromNow(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
