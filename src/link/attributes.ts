import {
  align,
  formatAttribute,
  getString,
  getU32,
  pad,
  putString,
  putU8,
  putU16,
  putU32,
  readU16,
} from 'netlink/dist/structs.js';
import type { Ip } from '../ports/ip.js';
import { ipBytes } from '../ports/ip.js';

// Only the codec of the package is loaded, never its socket: that one aborts the process when its buffer overflows.

/** A netlink attribute, padded to four bytes. */
export function attribute(type: number, data: Uint8Array): Buffer {
  return Buffer.concat(pad(formatAttribute({ type, data })));
}

/** An attribute that holds attributes. */
export function nest(type: number, ...inner: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pad(formatAttribute({ type, nested: true, data: [...inner] })));
}

/** An unsigned number of 8 bits. */
export function u8(type: number, value: number): Buffer {
  return attribute(type, putU8(value));
}

/** An unsigned number of 32 bits in host order. */
export function u32(type: number, value: number): Buffer {
  return attribute(type, putU32(value));
}

/** Unsigned numbers of 16 bits in host order, one after the other. */
export function u16s(type: number, ...values: readonly number[]): Buffer {
  return attribute(type, Buffer.concat(values.map(putU16)));
}

/** Unsigned numbers of 32 bits in host order, one after the other: most VF attributes are such structures. */
export function u32s(type: number, ...values: readonly number[]): Buffer {
  return attribute(type, Buffer.concat(values.map(putU32)));
}

/** A text that ends with a zero byte. */
export function text(type: number, value: string): Buffer {
  return attribute(type, putString(value));
}

/** An IP address in network order. */
export function ip(type: number, value: Ip): Buffer {
  return attribute(type, ipBytes(value));
}

/**
 * The attributes of a message or a nest, looked up where they lie: a link has some fifty, of which six matter. Of
 * several with one type the first counts; see {@link all}.
 */
export class Attributes {
  readonly #data: Buffer;

  constructor(data: Buffer) {
    this.#data = data;
  }

  bytes(type: number): Buffer | undefined {
    for (const found of matching(type, this.#data)) return found;
    return undefined;
  }

  text(type: number): string | undefined {
    const data = this.bytes(type);
    return data && getString(data);
  }

  u32(type: number): number | undefined {
    const data = this.bytes(type);
    return data && getU32(data);
  }

  u8(type: number): number | undefined {
    return this.bytes(type)?.[0];
  }
}

/** Every attribute of one type inside a nest, in order. */
export function all(type: number, nested: Buffer | undefined): readonly Buffer[] {
  return nested === undefined ? [] : [...matching(type, nested)];
}

const headerLength = 4;
/** Without the two bits that mark nests and network order. */
const typeMask = 0x3fff;

function* matching(type: number, data: Buffer): Generator<Buffer> {
  let start = 0;
  while (start + headerLength <= data.length) {
    const length = readU16.call(data, start);
    if (length < headerLength || start + length > data.length) return;
    if ((readU16.call(data, start + 2) & typeMask) === type) yield data.subarray(start + headerLength, start + length);
    start += align(length);
  }
}
