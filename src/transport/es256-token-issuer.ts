import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import type { CertificateSource, IssuedToken, TokenIssuer, X509Material } from '../ports/identity.js';

export interface Es256TokenIssuerOptions {
  readonly source: CertificateSource;
  readonly clock: Clock;
  /** How long a token lives unless a certificate ends sooner, ms. */
  readonly lifetimeMs: number;
}

/** Peers whose last token is kept. */
const mostAudiences = 256;

/** A token with what it was made from. */
interface Issued {
  /** Signed it: within one second, and with claims that the peer's certificate cuts short, the key may change. */
  readonly material: X509Material;
  readonly claims: string;
  readonly issued: IssuedToken;
}

const header = encode({ alg: 'ES256', typ: 'JWT' });

/**
 * Issues the JWTs of nsm-wire 5.3: subject is our own SPIFFE ID, audience the peer's. Claim and reported expiry are the same
 * instant, a whole second, and stay within both certificates.
 */
export class Es256TokenIssuer implements TokenIssuer {
  readonly #options: Es256TokenIssuerOptions;
  /** By audience the last token: within its second another one would say the same, and signing costs more than all else. */
  readonly #last = new Map<string | undefined, Issued>();
  #key: { material: X509Material; key: KeyObject } | undefined;

  constructor(options: Es256TokenIssuerOptions) {
    this.#options = options;
  }

  issue(audience: string | undefined, latest = Number.POSITIVE_INFINITY): IssuedToken {
    const { source, clock, lifetimeMs } = this.#options;
    const material = source.current();
    if (material === undefined)
      throw new ForwarderError('unavailable', 'no token can be signed before the first certificate has come');
    const exp = Math.floor(Math.min(clock.wallTime() + lifetimeMs, material.notAfter, latest) / 1000);
    const payload = encode({
      sub: material.spiffeId,
      ...(audience === undefined ? {} : { aud: [audience] }),
      exp,
    });
    const last = this.#last.get(audience);
    if (last?.claims === payload && last.material === material) return last.issued;
    const signature = this.#sign(`${header}.${payload}`, material);
    const issued = { token: `${header}.${payload}.${signature}`, expires: exp * 1000 };
    if (this.#last.size >= mostAudiences) this.#last.clear();
    this.#last.set(audience, { material, claims: payload, issued });
    return issued;
  }

  #sign(text: string, material: X509Material): string {
    // JWS wants r and s side by side (RFC 7518 3.4), not OpenSSL's DER.
    return sign('sha256', Buffer.from(text), { key: this.#keyOf(material), dsaEncoding: 'ieee-p1363' }).toString(
      'base64url',
    );
  }

  #keyOf(material: X509Material): KeyObject {
    if (this.#key?.material === material) return this.#key.key;
    const key = createPrivateKey({ key: Buffer.from(material.privateKey), format: 'der', type: 'pkcs8' });
    const curve = key.asymmetricKeyDetails?.namedCurve;
    if (curve !== 'prime256v1') {
      const kind = [key.asymmetricKeyType, curve].filter(Boolean).join(' ');
      throw new ForwarderError(
        'unsupported',
        `the key of ${material.spiffeId} is ${kind}: tokens are signed with ES256, which needs EC P-256`,
      );
    }
    this.#key = { material, key };
    return key;
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
