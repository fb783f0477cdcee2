import { broken, type Parsed, valid } from '../parsed.js';

const nanosecondsPer: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const part = /(\d*)(?:\.(\d*))?([^\d.]+)/y;
/** A duration is a signed 64-bit count of nanoseconds. */
const most = 2n ** 63n - 1n;

const form = 'must be a duration like 10m, 1h30m or 2.5s (units h, m, s, ms, us, ns)';

function partInNanoseconds([, whole = '', fraction = '', unit = '']: RegExpExecArray): bigint | undefined {
  const scale = nanosecondsPer[unit];
  if (scale === undefined || whole + fraction === '') return undefined;
  return BigInt(whole || '0') * scale + (BigInt(fraction || '0') * scale) / 10n ** BigInt(fraction.length);
}

function nanoseconds(text: string): bigint | undefined {
  if (text === '0') return 0n;
  let sum = 0n;
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    const amount = match === null ? undefined : partInNanoseconds(match);
    if (amount === undefined) return undefined;
    sum += amount;
  }
  return sum;
}

/**
 * Reads a duration as Go's `time.ParseDuration` writes and reads it: numbers with a unit each, fractions allowed
 * (what is below a nanosecond is cut off), an optional sign in front, or plain `0`.
 *
 * @returns milliseconds
 */
export function parseGoDuration(text: string): Parsed<number> {
  const [sign, digits] = /^[-+]/.test(text) ? [text[0], text.slice(1)] : ['+', text];
  // Far longer texts could only be too large; BigInt would spend seconds on a megabyte of digits.
  const amount = digits === '' || digits.length > 200 ? undefined : nanoseconds(digits);
  if (amount === undefined) return broken(/^\d+$/.test(digits) ? `${form}: the unit is missing` : form);
  if (amount > most) return broken('must be less than 292 years');
  return valid((sign === '-' && amount !== 0n ? -1 : 1) * (Number(amount) / 1e6));
}

/** A duration that something can wait for. */
export function parsePositiveGoDuration(text: string): Parsed<number> {
  const duration = parseGoDuration(text);
  return duration.ok && duration.value <= 0 ? broken('must be more than 0') : duration;
}
