import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { CertificateAuthority } from '../../simulation/certificate-authority.js';
import { decodeToken } from '../../src/policies/jwt.js';
import type { Clock } from '../../src/ports/clock.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { X509Material } from '../../src/ports/identity.js';
import { Es256TokenIssuer } from '../../src/transport/es256-token-issuer.js';
import { clock } from './support/node-pair.js';
import { StaticSource } from './support/static-source.js';

const now = 1_800_000_000_123;
const still: Clock = { ...clock, wallTime: () => now };
const second = 1000;

describe('Es256TokenIssuer', () => {
  let material: X509Material;
  before(async () => {
    const authority = await CertificateAuthority.create('nodes.test');
    material = await authority.issue('/forwarder', { notAfter: now + 3600 * second });
  });

  function issuer(given: X509Material = material): Es256TokenIssuer {
    return new Es256TokenIssuer({ source: new StaticSource(given), clock: still, lifetimeMs: 600 * second });
  }

  it('signs in our name for one peer, as RFC 7515 and 7518 have it', () => {
    const { token } = issuer().issue('spiffe://nodes.test/peer');
    const [header = '', payload = '', signature = ''] = token.split('.');
    expect(JSON.parse(text(header))).to.deep.equal({ alg: 'ES256', typ: 'JWT' });
    expect(JSON.parse(text(payload))).to.deep.equal({
      sub: 'spiffe://nodes.test/forwarder',
      aud: ['spiffe://nodes.test/peer'],
      exp: Math.floor(now / second) + 600,
    });
    expect(Buffer.from(signature, 'base64url')).to.have.lengthOf(64);
    expect(signedBy(material, token)).to.equal(true);
  });

  it('names no audience when there is none', () => {
    expect(JSON.parse(text(issuer().issue(undefined).token.split('.')[1] ?? ''))).not.to.have.property('aud');
  });

  for (const [what, ownEnd, latest, lifetime] of [
    ['its own lifetime', 3600, undefined, 600],
    ['the end of our certificate', 60, undefined, 60],
    ["the end of the peer's certificate", 3600, 30, 30],
  ] as const) {
    it(`T1: claim and reported expiry are the same instant, bounded by ${what}`, () => {
      const given = { ...material, notAfter: now + ownEnd * second };
      const issued = issuer(given).issue(
        'spiffe://nodes.test/peer',
        latest === undefined ? undefined : now + latest * second,
      );
      expect(issued.expires).to.equal((Math.floor(now / second) + lifetime) * second);
      expect(decodeToken(issued.token).expires).to.equal(issued.expires);
    });
  }

  it('signs with the key that is in force, when only another peer has had a token of it and the claims are the old ones', async () => {
    const authority = await CertificateAuthority.create('nodes.test');
    const next = await authority.issue('/forwarder', { notAfter: now + 7200 * second });
    const source = new StaticSource(material);
    const rotating = new Es256TokenIssuer({ source, clock: still, lifetimeMs: 600 * second });
    const latest = now + 30 * second;
    const former = rotating.issue('spiffe://nodes.test/peer', latest);
    source.rotate(next);
    rotating.issue('spiffe://nodes.test/other', latest);

    const { token } = rotating.issue('spiffe://nodes.test/peer', latest);

    expect(signedBy(material, former.token)).to.equal(true);
    expect(signedBy(next, token)).to.equal(true);
  });

  it('refuses a key that is not P-256, naming it', async () => {
    const authority = await CertificateAuthority.create('nodes.test');
    const rsa = await authority.issue('/rsa', { rsaKey: true });
    expect(() => issuer(rsa).issue(undefined))
      .to.throw(ForwarderError, 'rsa')
      .with.property('kind', 'unsupported');
  });
});

/** Whether the key of an identity has signed a token. */
function signedBy({ certificates: [leaf = new Uint8Array()] }: X509Material, token: string): boolean {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const key = createPublicKey(new X509Certificate(leaf).publicKey.export({ type: 'spki', format: 'pem' }));
  const bytes = Buffer.from(signature, 'base64url');
  return verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, bytes);
}

function text(part: string): string {
  return Buffer.from(part, 'base64url').toString();
}
