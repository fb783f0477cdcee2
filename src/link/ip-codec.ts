import { ForwarderError } from '../ports/error.js';
import type { Prefix } from '../ports/ip.js';
import { formatPrefix, maskPrefix, parsePrefix } from '../ports/ip.js';
import type { Request } from './exchange.js';

/** How one kind of IP object is written to and read from rtnetlink. */
export interface IpCodec<T> {
  /** RTM_GET* for a list. */
  readonly listType: number;
  /** The body of a list request: of one link, or of the whole namespace when 0. */
  listBody(index: number): Buffer;
  /** @throws ForwarderError `invalid` */
  add(object: T): Request;
  /** @throws ForwarderError `invalid` */
  remove(object: T): Request;
  /** Reads one entry of a list; undefined for what is not ours to see. */
  decode(body: Buffer): T | undefined;
  /** A text that two entries have in common exactly when they are the same object, no matter who made them. */
  identity(body: Buffer): string | undefined;
}

/**
 * Reads a network: a prefix without host bits.
 *
 * @param what the field's name, for the error
 * @throws ForwarderError `invalid`
 */
export function parseNetwork(what: string, text: string): Prefix {
  const prefix = parsePrefix(text);
  const network = maskPrefix(prefix);
  if (network.address.value !== prefix.address.value) {
    throw new ForwarderError('invalid', `${what} ${text} has host bits: the network is ${formatPrefix(network)}`);
  }
  return network;
}

/** @throws ForwarderError `invalid` unless it is a whole number in the range */
export function requireNumber(what: string, value: number, range: { first: number; last: number }): number {
  if (Number.isInteger(value) && value >= range.first && value <= range.last) return value;
  throw new ForwarderError('invalid', `${what} ${value} is not a whole number from ${range.first} to ${range.last}`);
}

/** Routing tables that can hold routes; 0 means none to the kernel. */
export const tableRange = { first: 1, last: 0xffff_ffff } as const;
