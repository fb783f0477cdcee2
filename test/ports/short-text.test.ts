import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import { shortText } from '../../src/ports/short-text.js';

describe('a short text', () => {
  it('is the text, unless that is too long', () => {
    expect(shortText('abc', 3)).to.equal('abc');
    expect(shortText('abcdefghij'.repeat(5), 25)).to.equal('abcdefgh… (50 characters)');
    expect(shortText(shortText('x'.repeat(99), 25), 25)).to.match(/^x+… \(99 characters\)$/);
    expect(shortText(shortText('x'.repeat(99), 40), 25)).to.match(/^x+… \(99 characters\)$/);
  });

  it('ends with no half of a character, which could not go over the wire', () => {
    expect(shortText(`ab\u{1f600}${'c'.repeat(46)}`, 20)).to.equal('ab… (50 characters)');
  });

  it('is what an error says of a value without bounds', () => {
    const { message } = new ForwarderError('invalid', `${'x'.repeat(1_000_000)} is too long`);
    expect(message)
      .to.have.lengthOf(16_000)
      .and.to.match(/x… \(1000012 characters\)$/);
  });
});
