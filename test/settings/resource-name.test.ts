import { expect } from 'chai';
import fc from 'fast-check';
import { parseCapability, parseServiceDomain } from '../../src/settings/resource-name.js';
import { anyText } from './any-text.js';
import { breaks, outcome } from './parsed-outcome.js';

const longDomain = `${'a'.repeat(242)}.b`;

describe('B32: a service domain is checked as kubelet checks it', () => {
  for (const text of ['service.domain.1', 'a', '1', 'a-b.c--d', 'requests', 'kubernetes.io.example.org', longDomain]) {
    it(`${text.slice(0, 30)} is one`, () => expect(outcome(parseServiceDomain(text))).to.equal(text));
  }

  const wrong: readonly (readonly [string, string])[] = [
    ['Service_Domain.1', ', for instance "service-domain.1"'],
    ['-a-', ', for instance "a"'],
    ['a..b', ', for instance "a.b"'],
    ['.a', ', for instance "a"'],
    ['a/b', ', for instance "a-b"'],
    ['a b', ', for instance "a-b"'],
    ['requests.example.org', ', for instance "example.org"'],
    ['example.kubernetes.io', 'kubelet refuses other resource names'],
    ['mykubernetes.io', 'kubelet refuses other resource names'],
    ['..', 'kubelet refuses other resource names'],
    ['', 'kubelet refuses other resource names'],
    [`a${longDomain}`, 'at most 244 characters'],
  ];
  for (const [text, rule] of wrong) {
    it(`${JSON.stringify(text.slice(0, 30))} is none: ${rule}`, () => {
      const parsed = parseServiceDomain(text);
      expect(parsed.ok ? '' : parsed.rule).to.satisfy((given: string) =>
        rule.startsWith(',') ? given.endsWith(rule) : given.includes(rule) && !given.includes('for instance'),
      );
    });
  }
});

describe('B32: a capability is checked as kubelet checks it', () => {
  for (const text of ['10G', 'intel', 'a', '40', '1e3', 'a_b.c-d', 'X'.repeat(63)]) {
    it(`${text.slice(0, 30)} is one`, () => expect(outcome(parseCapability(text))).to.equal(text));
  }

  const wrong: readonly (readonly [string, string])[] = [
    ['10 G', ', for instance "10-G"'],
    ['_a_', ', for instance "a"'],
    ['a/b', ', for instance "a-b"'],
    ['..', 'both ends'],
    ['', 'both ends'],
    ['é', 'both ends'],
    ['X'.repeat(64), `, for instance "${'X'.repeat(63)}"`],
  ];
  for (const [text, rule] of wrong) {
    it(`${JSON.stringify(text.slice(0, 30))} is none: ${rule.slice(0, 40)}`, () => {
      expect(breaks(parseCapability(text), rule)).to.equal(true);
    });
  }
});

describe('a suggested resource name', () => {
  for (const [name, parse] of Object.entries({ parseServiceDomain, parseCapability })) {
    it(`is legal itself, whatever was written (${name})`, () => {
      fc.assert(
        fc.property(anyText, (text) => {
          const parsed = parse(text);
          const suggested = parsed.ok ? undefined : /for instance (".*")$/.exec(parsed.rule)?.[1];
          return suggested === undefined || parse(JSON.parse(suggested)).ok;
        }),
      );
    });
  }
});
