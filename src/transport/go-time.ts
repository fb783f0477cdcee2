import { ForwarderError } from '../ports/error.js';

const pattern = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

/**
 * Reads a time as Go prints it (RFC 3339, up to nine digits of a second, any zone).
 *
 * @returns ms since the epoch, rounded down
 * @throws ForwarderError `invalid`, naming the value
 */
export function parseGoTime(text: string): number {
  const [, seconds, fraction = '', zone] = pattern.exec(text) ?? [];
  const time =
    seconds === undefined
      ? Number.NaN
      : Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`.toUpperCase());
  if (Number.isNaN(time)) throw new ForwarderError('invalid', `${JSON.stringify(text)} is not an RFC 3339 time`);
  return time;
}

/** Writes ms since the epoch as RFC 3339 in UTC, as Go reads it. */
export function formatGoTime(time: number): string {
  return new Date(time).toISOString();
}
