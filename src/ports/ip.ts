import { ForwarderError } from './error.js';
import type { Mac } from './links.js';

/** An IP address as a number: 32 bits in family 4, 128 bits in family 6. A v4-mapped v6 address stays in family 6. */
export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** An address with a prefix length. The address may have host bits: see {@link maskPrefix}. */
export interface Prefix {
  readonly address: Ip;
  readonly length: number;
}

/**
 * Reads an IPv4 or IPv6 address: four decimal octets without leading zeros, or any form of RFC 4291 without a zone.
 *
 * @throws ForwarderError `invalid`, naming the value
 */
export function parseIp(text: string): Ip {
  const value = text.includes(':') ? ipv6Value(text) : ipv4Value(text);
  if (value === undefined) throw invalid(text, 'an IP address');
  return { family: text.includes(':') ? 6 : 4, value };
}

/**
 * Reads `address/length`. The length is required; host bits are kept.
 *
 * @throws ForwarderError `invalid`, naming the value and the rule
 */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf('/');
  if (slash < 0) throw invalid(text, 'an IP address with a prefix length (address/length)');
  const address = parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || length > ipWidth(address)) {
    throw invalid(text, `an IPv${address.family} prefix: its length must be 0 to ${ipWidth(address)}`);
  }
  return { address, length };
}

/** The one text form of an address: dotted decimal, or RFC 5952 (v4-mapped addresses in mixed notation). */
export function formatIp(ip: Ip): string {
  if (ip.family === 4) return dotted(ip.value);
  if (ip.value >> 32n === 0xffffn) return `::ffff:${dotted(ip.value & 0xffffffffn)}`;
  const groups = Array.from({ length: 8 }, (_, i) => (ip.value >> BigInt(112 - 16 * i)) & 0xffffn);
  const { start, length } = longestZeroRun(groups);
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return length < 2 ? text(0, 8) : `${text(0, start)}::${text(start + length, 8)}`;
}

/** `address/length` in its one text form; the address is not masked. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIp(prefix.address)}/${prefix.length}`;
}

/** The same network with all host bits zero. */
export function maskPrefix(prefix: Prefix): Prefix {
  const { family, value } = prefix.address;
  const hostBits = BigInt(ipWidth(prefix.address) - prefix.length);
  return { address: { family, value: (value >> hostBits) << hostBits }, length: prefix.length };
}

/** The prefix that covers this address alone: /32 or /128. */
export function hostPrefix(address: Ip): Prefix {
  return { address, length: ipWidth(address) };
}

/** True when the address lies in the network of the prefix; never across families. */
export function prefixContains(prefix: Prefix, ip: Ip): boolean {
  const hostBits = BigInt(ipWidth(prefix.address) - prefix.length);
  return prefix.address.family === ip.family && prefix.address.value >> hostBits === ip.value >> hostBits;
}

/** Bits of an address of this family: 32 or 128. */
export function ipWidth(ip: Ip): number {
  return ip.family === 4 ? 32 : 128;
}

/** The address in network byte order: 4 or 16 bytes. */
export function ipBytes(ip: Ip): Uint8Array {
  const size = ipWidth(ip) / 8;
  return Uint8Array.from({ length: size }, (_, i) => Number((ip.value >> BigInt(8 * (size - 1 - i))) & 0xffn));
}

/** Reads 4 or 16 bytes in network byte order. @throws ForwarderError `invalid` for any other number of bytes */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new ForwarderError('invalid', `an IP address has 4 or 16 bytes, not ${bytes.length}`);
  }
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return { family: bytes.length === 4 ? 4 : 6, value };
}

/**
 * Reads a 48-bit hardware address in any of its usual forms, any letter case: `02:00:00:00:00:01`,
 * `02-00-00-00-00-01`, `0200.0000.0001`.
 *
 * @throws ForwarderError `invalid`, naming the value and the rule
 */
export function parseMac(text: string): Mac {
  const usual = /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i;
  const dottedTriple = /^[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}$/i;
  if (!usual.test(text) && !dottedTriple.test(text)) {
    throw invalid(text, 'a MAC address: expected six hexadecimal pairs (02:00:00:00:00:01)');
  }
  return macText(text.replace(/[^0-9a-f]/gi, '').toLowerCase());
}

/** True for an address that a netdev may have: not zero, and neither multicast nor broadcast. */
export function isUnicastMac(mac: Mac): boolean {
  return mac !== '00:00:00:00:00:00' && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0;
}

/** The six bytes of a hardware address. */
export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (pair) => Number.parseInt(pair, 16));
}

/** Reads six bytes. @throws ForwarderError `invalid` for any other number of bytes */
export function macFromBytes(bytes: Uint8Array): Mac {
  if (bytes.length !== 6) throw new ForwarderError('invalid', `a MAC address has 6 bytes, not ${bytes.length}`);
  return macText(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
}

function macText(digits: string): Mac {
  return digits.replace(/..(?=.)/g, '$&:') as Mac;
}

function ipv4Value(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^(?:0|[1-9]\d{0,2})$/.test(octet) && Number(octet) < 256)) {
    return undefined;
  }
  return octets.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}

function ipv6Value(text: string): bigint | undefined {
  const halves = withoutDottedTail(text)?.split('::');
  if (halves === undefined || halves.length > 2) return undefined;
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** Rewrites the dotted last 32 bits, if that is how they are written, as two groups. */
function withoutDottedTail(text: string): string | undefined {
  if (!text.includes('.')) return text;
  const start = text.lastIndexOf(':') + 1;
  const value = ipv4Value(text.slice(start));
  if (value === undefined) return undefined;
  return `${text.slice(0, start)}${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
}

function dotted(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

/** The first of the longest runs of zero groups (RFC 5952 section 4.2.3). */
function longestZeroRun(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [i, group] of groups.entries()) {
    if (group !== 0n) start = i + 1;
    else if (i + 1 - start > best.length) best = { start, length: i + 1 - start };
  }
  return best;
}

function invalid(text: string, what: string): ForwarderError {
  return new ForwarderError('invalid', `${JSON.stringify(text)} is not ${what}`);
}
