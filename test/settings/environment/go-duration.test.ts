import { expect } from 'chai';
import fc from 'fast-check';
import { parseGoDuration, parsePositiveGoDuration } from '../../../src/settings/environment/go-duration.js';
import { anyText } from '../any-text.js';
import { breaks, outcome } from '../parsed-outcome.js';

const perUnit: readonly (readonly [string, bigint])[] = [
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
  ['s', 1_000_000_000n],
  ['ms', 1_000_000n],
  ['us', 1_000n],
  ['ns', 1n],
];

/** Writes nanoseconds in the units of the mask, largest first; the last unit takes the rest, with a fraction if need be. */
function write(nanoseconds: bigint, units: readonly (readonly [string, bigint])[]): string {
  let rest = nanoseconds;
  return units
    .map(([unit, size], index) => {
      const whole = rest / size;
      rest %= size;
      if (index < units.length - 1) return `${whole}${unit}`;
      // Rounded up, for reading it back cuts off what is below a nanosecond.
      const fraction = (rest * 10n ** 20n + size - 1n) / size;
      return `${whole}.${fraction.toString().padStart(20, '0')}${unit}`;
    })
    .join('');
}

describe('a Go duration', () => {
  const right: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['+0', 0],
    ['-0', 0],
    ['0s', 0],
    ['10m', 600_000],
    ['50ms', 50],
    ['24h', 86_400_000],
    ['1h2m3.5s', 3_723_500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['5.s', 5_000],
    ['750us', 0.75],
    ['1µs', 0.001],
    ['1μs', 0.001],
    ['100ns', 0.0001],
    ['0.9ns', 0],
    ['+5s', 5_000],
    ['-1m', -60_000],
    ['1s1s', 2_000],
    ['3ms2s', 2_003],
    ['9223372036854775807ns', 9_223_372_036_854.775],
  ];
  for (const [text, ms] of right) {
    it(`${JSON.stringify(text)} is ${ms} ms`, () => expect(outcome(parseGoDuration(text))).to.equal(ms));
  }

  const wrong: readonly (readonly [string, string])[] = [
    ['', 'must be a duration'],
    ['5', 'the unit is missing'],
    ['00', 'the unit is missing'],
    ['1h30', 'must be a duration'],
    ['s', 'must be a duration'],
    ['.s', 'must be a duration'],
    ['1d', 'must be a duration'],
    ['1H', 'must be a duration'],
    ['1 s', 'must be a duration'],
    [' 1s', 'must be a duration'],
    ['1s ', 'must be a duration'],
    ['1h-5m', 'must be a duration'],
    ['--1s', 'must be a duration'],
    ['1.2.3s', 'must be a duration'],
    ['1e3s', 'must be a duration'],
    ['٣s', 'must be a duration'],
    ['9223372036854775808ns', 'less than 292 years'],
    ['2562048h', 'less than 292 years'],
    [`${'9'.repeat(10_000)}h`, 'must be a duration'],
  ];
  for (const [text, rule] of wrong) {
    it(`${JSON.stringify(text.slice(0, 30))} is none: ${rule}`, () => {
      expect(breaks(parseGoDuration(text), rule)).to.equal(true);
    });
  }

  it('comes back from any way of writing it', () => {
    const units = fc.subarray([...perUnit], { minLength: 1 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), units, (nanoseconds, chosen) => {
        expect(outcome(parseGoDuration(write(nanoseconds, chosen)))).to.equal(Number(nanoseconds) / 1e6);
      }),
    );
  });

  it('is read or refused, whatever the text', () => {
    fc.assert(fc.property(anyText, (text) => typeof parseGoDuration(text).ok === 'boolean'));
    const near = fc.string({ unit: fc.constantFrom(...'-+0123456789.hmsuµn'), maxLength: 20 });
    fc.assert(fc.property(near, (text) => typeof parseGoDuration(text).ok === 'boolean'));
  });

  it('that something waits for must be more than 0', () => {
    for (const text of ['0', '0s', '-1s', '0.5ns']) {
      expect(outcome(parsePositiveGoDuration(text))).to.deep.equal({ rule: 'must be more than 0' });
    }
    expect(outcome(parsePositiveGoDuration('1ns'))).to.equal(0.000001);
  });
});
