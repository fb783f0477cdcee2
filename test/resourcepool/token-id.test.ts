import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { parseTokenId } from '../../src/resourcepool/token-id.js';

describe('a token id', () => {
  for (const text of [`sriov-${randomUUID()}`, 'sriov-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx']) {
    it(`${text} is one: the prefix and 42 characters count, no more`, () => expect(parseTokenId(text)).to.equal(text));
  }

  for (const text of ['', 'sriov-', `sriov-${'x'.repeat(35)}`, `sriov-${'x'.repeat(37)}`, `SRIOV-${'x'.repeat(36)}`]) {
    it(`${JSON.stringify(text)} is none, and the error says value and rule`, () => {
      expect(() => parseTokenId(text))
        .to.throw(
          `${JSON.stringify(text)} is not an SR-IOV token id: expected "sriov-" and 42 characters in all, got ${text.length}`,
        )
        .with.property('kind', 'invalid');
    });
  }
});
