/** Bytes of each of the two numbers of a signature on P-256. */
const numberLength = 32;
const derInteger = 0x02;
const derSequence = 0x30;

/**
 * A signature on P-256 as JWS has it, two numbers of 32 bytes side by side (RFC 7518 3.4), in the DER that OpenSSL wants
 * (RFC 3279 2.2.3). Node converts it too, and each time throws and catches errors to find out what it was given.
 *
 * @returns undefined when it has another length
 */
export function derSignature(raw: Buffer): Buffer | undefined {
  if (raw.length !== 2 * numberLength) return undefined;
  const numbers = [...integer(raw.subarray(0, numberLength)), ...integer(raw.subarray(numberLength))];
  return Buffer.from([derSequence, numbers.length, ...numbers]);
}

/** Without zeros in front, but with one where the number would otherwise count as negative. */
function integer(bytes: Buffer): number[] {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = [...bytes.subarray(first === -1 ? numberLength - 1 : first)];
  if ((digits[0] ?? 0) >= 0x80) digits.unshift(0);
  return [derInteger, digits.length, ...digits];
}
