import {
  formatAttribute,
  getString,
  getU32,
  pad,
  parseAttributes,
  putString,
  putU8,
  putU16,
  putU32,
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

/** The attributes of a message or a nest that a reader asks for. Of several with one type the last counts; see {@link all}. */
export class Attributes {
  readonly #data = new Map<number, Buffer>();

  constructor(data: Buffer) {
    parseAttributes(data, (found) => this.#data.set(found.type, found.data));
  }

  bytes(type: number): Buffer | undefined {
    return this.#data.get(type);
  }

  text(type: number): string | undefined {
    const data = this.#data.get(type);
    return data && getString(data);
  }

  u32(type: number): number | undefined {
    const data = this.#data.get(type);
    return data && getU32(data);
  }

  u8(type: number): number | undefined {
    return this.#data.get(type)?.[0];
  }
}

/** Every attribute of one type inside a nest, in order. */
export function all(type: number, nested: Buffer | undefined): readonly Buffer[] {
  const found: Buffer[] = [];
  if (nested !== undefined) {
    parseAttributes(nested, (item) => {
      if (item.type === type) found.push(item.data);
    });
  }
  return found;
}
