import { expect } from 'chai';
import { parseResourceNames } from '../../../src/settings/environment/resource-names.js';

describe('resource names in a setting', () => {
  it('are read with blanks around them', () => {
    expect(parseResourceNames(' a.b/10G , a.b/x ')).to.deep.equal({ ok: true, value: ['a.b/10G', 'a.b/x'] });
    expect(parseResourceNames('')).to.deep.equal({ ok: true, value: [] });
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['a.b', /^has "a\.b", which is no domain\/capability$/],
    ['a.b/c/d', /^has "a\.b\/c\/d", which is no domain\/capability$/],
    ['A.b/c', /^has "A\.b", which must be a DNS subdomain .* for instance "a\.b"$/],
    ['a.b/-', /^has "-", which must be letters/],
    ['a.b/c,a.b/c', /^names "a\.b\/c" twice$/],
    ['a.b/c,', /without empty items$/],
  ];
  for (const [text, rule] of wrong) {
    it(`are refused with their rule: ${text}`, () => {
      const parsed = parseResourceNames(text);
      expect(parsed.ok ? 'ok' : parsed.rule).to.match(rule);
    });
  }
});
