import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { decodeToken, isSignedBy, readToken } from '../../src/policies/jwt.js';
import { ForwarderError } from '../../src/ports/error.js';
import { forged, now, Signer } from './signer.js';

const encoded = (text: string) => Buffer.from(text).toString('base64url');

describe('a token', () => {
  const client = new Signer('client');
  const manager = new Signer('manager');

  it('is read without being verified', () => {
    expect(client.for(manager, { nbf: now / 1000 }).claims).to.deep.equal({
      subject: 'spiffe://test/client',
      audience: ['spiffe://test/manager'],
      expires: now + 600_000,
      begins: now,
    });
  });

  it('has no audience when that is no list: NSM components write nothing but lists', () => {
    expect(client.for(manager, { aud: manager.spiffeId }).claims?.audience).to.deep.equal([]);
  });

  for (const [what, wrong] of [
    ['nothing', ''],
    ['two parts', 'a.b'],
    ['parts that are no JSON', 'a.b.c'],
    ['a list of claims that ends early', `${encoded('{}')}.${encoded('[')}.c`],
    ['claims that are null', `${encoded('{}')}.${encoded('null')}.c`],
    ['a header that is no object', `${encoded('1')}.${encoded('{}')}.c`],
  ] as const) {
    it(`is not ${what}`, () => {
      expect(() => decodeToken(wrong))
        .to.throw(ForwarderError)
        .with.property('kind', 'invalid');
      expect(readToken(wrong).claims).to.equal(undefined);
    });
  }

  it('S7: is not quoted by the error that refuses it', () => {
    expect(() => decodeToken(`${encoded('{}')}.${encoded('{"sub":"secret"')}.c`)).to.throw(/^(?!.*secret)/);
  });

  it('is signed by the owner of the key and by nobody else', () => {
    const { text } = client.for(manager);
    expect(isSignedBy(text, client.publicKey)).to.equal(true);
    expect(isSignedBy(text, manager.publicKey)).to.equal(false);
  });

  it('is no longer signed when a claim was changed, the signature left out, or shortened', () => {
    const token = client.for(manager);
    const [header, payload, signature = ''] = token.text.split('.');
    const changed = [
      forged(token, { exp: now }).text,
      `${header}.${payload}.`,
      `${header}.${payload}.${signature.slice(4)}`,
      `${header}.${payload}`,
    ];
    for (const text of changed) expect(isSignedBy(text, client.publicKey)).to.equal(false);
  });

  it('is signed with ES256 and nothing else, whatever its header says', () => {
    for (const alg of ['none', 'HS256', 'RS256', undefined]) {
      expect(isSignedBy(client.for(manager, {}, { alg }).text, client.publicKey), String(alg)).to.equal(false);
    }
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(isSignedBy(client.for(manager).text, publicKey)).to.equal(false);
  });
});
