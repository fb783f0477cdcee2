import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { derSignature } from '../../src/policies/ecdsa-signature.js';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** Numbers as they are, and with many zeros or ones in front, where DER and JWS differ. */
const half = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc
    .tuple(fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.nat({ max: 32 }), fc.uint8Array({ minLength: 32, maxLength: 32 }))
    .map(([byte, count, rest]) => Uint8Array.from(rest, (it, n) => (n < count ? byte : it))),
);

describe('a signature of a token, in DER', () => {
  it('is the one that the key made', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (message) => {
        const raw = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
        const der = derSignature(raw);
        expect(der !== undefined && verify('sha256', message, publicKey, der)).to.equal(true);
      }),
    );
  });

  it('says the two numbers as short as DER asks for, never negative', () => {
    fc.assert(
      fc.property(half, half, (r, s) => {
        const der = derSignature(Buffer.from([...r, ...s])) ?? Buffer.alloc(0);
        expect(der.subarray(0, 2)).to.deep.equal(Buffer.from([0x30, der.length - 2]));
        const first = integerAt(der, 2);
        const second = integerAt(der, first.end);
        expect([first.value, second.value]).to.deep.equal(
          [r, s].map((it) => BigInt(`0x${Buffer.from(it).toString('hex')}`)),
        );
        expect(second.end).to.equal(der.length);
      }),
    );
  });

  it('is none of any other length', () => {
    for (const length of [0, 63, 65, 72, 96]) expect(derSignature(Buffer.alloc(length, 1))).to.equal(undefined);
  });
});

/** Reads an INTEGER strictly (X.690 8.3). */
function integerAt(der: Buffer, at: number): { readonly value: bigint; readonly end: number } {
  expect(der[at]).to.equal(0x02);
  const length = der[at + 1] ?? 0;
  const bytes = der.subarray(at + 2, at + 2 + length);
  expect(bytes.length).to.equal(length).and.to.be.above(0);
  const [first = 0, second = 0] = bytes;
  expect(first, 'a negative number').to.be.below(0x80);
  if (length > 1) expect(first !== 0 || second >= 0x80, 'a needless zero').to.equal(true);
  return { value: BigInt(`0x${bytes.toString('hex')}`), end: at + 2 + length };
}
