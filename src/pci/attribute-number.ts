import { ForwarderError } from '../ports/error.js';

/**
 * The whole number that an attribute holds.
 *
 * @throws ForwarderError `invalid`, naming the attribute and its text: a number nobody can read is never taken for 0
 */
export function parseAttributeNumber(attribute: string, text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new ForwarderError('invalid', `${attribute} reads ${JSON.stringify(text)}: expected a whole number`);
  }
  return value;
}
