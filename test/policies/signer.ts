import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type PathToken, readToken } from '../../src/policies/jwt.js';

/** Wall time of all tests here, ms since the epoch. */
export const now = Date.UTC(2030, 0, 1);

const inTenMinutes = now / 1000 + 600;

/** A member of the mesh that signs tokens as the others do, or as it likes. */
export class Signer {
  readonly spiffeId: string;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor(name: string) {
    this.spiffeId = `spiffe://test/${name}`;
    const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.publicKey = pair.publicKey;
    this.#privateKey = pair.privateKey;
  }

  /** A token for somebody; claims and header may differ from the usual. */
  for(audience: { readonly spiffeId: string }, claims: object = {}, header: object = {}): PathToken {
    const usual = { sub: this.spiffeId, aud: [audience.spiffeId], exp: inTenMinutes };
    const signed = `${encode({ alg: 'ES256', typ: 'JWT', ...header })}.${encode({ ...usual, ...claims })}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#privateKey, dsaEncoding: 'ieee-p1363' });
    return readToken(`${signed}.${signature.toString('base64url')}`);
  }
}

/** The same token with other claims and the old signature. */
export function forged({ text }: PathToken, claims: object): PathToken {
  const [header = '', payload = '', signature = ''] = text.split('.');
  const old = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  return readToken(`${header}.${encode({ ...old, ...claims })}.${signature}`);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
