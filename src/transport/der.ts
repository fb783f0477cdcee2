import { ForwarderError } from '../ports/error.js';

/** One element of DER (X.690): its tag byte, its content, and itself with its header. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/**
 * The elements that stand one after the other in a block: the members of a SEQUENCE, or concatenated certificates.
 *
 * @throws ForwarderError `invalid` when lengths do not add up
 */
export function derElements(block: Uint8Array): DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; at < block.length; ) {
    const element = derElementAt(block, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

function derElementAt(block: Uint8Array, at: number): DerElement {
  const tag = block[at];
  const first = block[at + 1];
  if (tag === undefined || first === undefined) throw malformed(at);
  // Short form below 0x80; else the low bits count the bytes of the length. Four bytes are more than enough.
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  if (lengthBytes > 4 || first === 0x80) throw malformed(at);
  let length = first;
  if (lengthBytes > 0) length = block.subarray(at + 2, at + 2 + lengthBytes).reduce((sum, byte) => sum * 256 + byte, 0);
  const start = at + 2 + lengthBytes;
  if (start + length > block.length) throw malformed(at);
  return { tag, content: block.subarray(start, start + length), whole: block.subarray(at, start + length) };
}

function malformed(at: number): ForwarderError {
  return new ForwarderError('invalid', `malformed DER at byte ${at}`);
}
