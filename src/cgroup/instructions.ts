/** One eBPF instruction as it lies in memory, little-endian (kernel: Documentation/bpf/standardization/instruction-set.rst). */
export interface Instruction {
  readonly opcode: number;
  readonly destination: number;
  readonly source: number;
  /** Of a jump: how many instructions are left out. Of a load: from where in memory. */
  readonly offset: number;
  readonly immediate: number;
}

const size = 8;

/** Reads a program. Bytes that are no whole instruction are left out: the kernel shows whole ones. */
export function decode(code: Uint8Array): Instruction[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  return Array.from({ length: Math.floor(code.length / size) }, (_, n) => {
    const registers = view.getUint8(n * size + 1);
    return {
      opcode: view.getUint8(n * size),
      destination: registers & 0xf,
      source: registers >> 4,
      offset: view.getInt16(n * size + 2, true),
      immediate: view.getInt32(n * size + 4, true),
    };
  });
}

/** Writes a program. */
export function encode(instructions: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(instructions.length * size));
  for (const [n, { opcode, destination, source, offset, immediate }] of instructions.entries()) {
    view.setUint8(n * size, opcode);
    view.setUint8(n * size + 1, destination | (source << 4));
    view.setInt16(n * size + 2, offset, true);
    view.setInt32(n * size + 4, immediate, true);
  }
  return new Uint8Array(view.buffer);
}

/** `r[destination] = immediate`, 32 bits. */
export function set(destination: number, immediate: number): Instruction {
  return { opcode: 0xb4, destination, source: 0, offset: 0, immediate };
}

/** `r[destination] &= immediate`, 32 bits. */
export function mask(destination: number, immediate: number): Instruction {
  return { opcode: 0x54, destination, source: 0, offset: 0, immediate };
}

/** `r[destination] = ` the 32 bits at this place of what register 1 points to: of a program's argument. */
export function load(destination: number, offset: number): Instruction {
  return { opcode: 0x61, destination, source: 1, offset, immediate: 0 };
}

/** Leaves out as many instructions unless `r[destination]` has this value. */
export function skipUnless(destination: number, immediate: number, offset: number): Instruction {
  return { opcode: 0x55, destination, source: 0, offset, immediate };
}

/** Ends the program; register 0 is its result. */
export const exit: Instruction = { opcode: 0x95, destination: 0, source: 0, offset: 0, immediate: 0 };
