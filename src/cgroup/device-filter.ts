import { ForwarderError } from '../ports/error.js';
import type { Instruction } from './instructions.js';

/** What a process asks the kernel for: a character device, and bits of mknod 1, read 2, write 4. */
export interface DeviceRequest {
  readonly access: number;
  readonly major: number;
  readonly minor: number;
}

type Value = bigint | 'argument' | undefined;

interface Run {
  readonly registers: Value[];
  readonly argument: DataView;
}

const registerCount = 11;
const characterDevice = 2;

const operations: Readonly<Record<number, (a: bigint, b: bigint, bits: bigint) => bigint>> = {
  0: (a, b) => a + b,
  16: (a, b) => a - b,
  64: (a, b) => a | b,
  80: (a, b) => a & b,
  96: (a, b, bits) => a << (b & (bits - 1n)),
  112: (a, b, bits) => a >> (b & (bits - 1n)),
  160: (a, b) => a ^ b,
  176: (_, b) => b,
};

const conditions: Readonly<Record<number, (a: bigint, b: bigint) => boolean>> = {
  0: () => true,
  16: (a, b) => a === b,
  32: (a, b) => a > b,
  48: (a, b) => a >= b,
  64: (a, b) => (a & b) !== 0n,
  80: (a, b) => a !== b,
  160: (a, b) => a < b,
  176: (a, b) => a <= b,
};

const loadSizes: Readonly<Record<number, number>> = { 97: 4, 105: 2, 113: 1 };
const exitOpcode = 0x95;

/**
 * Checks that a device program is made of what runc, crun and systemd make theirs of: loads of its argument, moves,
 * masks, shifts, jumps forward. Such a program can be read, run here, put behind other instructions and loaded again;
 * one with calls, maps or constants that the kernel has blinded cannot.
 *
 * @throws ForwarderError `unsupported`, naming the instruction
 */
export function requirePlainProgram(program: readonly Instruction[]): void {
  const strange = program.findIndex((it) => !isPlain(it));
  if (strange === -1) return;
  const opcode = program[strange]?.opcode.toString(16).padStart(2, '0');
  throw new ForwarderError(
    'unsupported',
    `its device program cannot be changed: instruction ${strange} (0x${opcode}) is none that a plain filter has`,
  );
}

function isPlain({ opcode, destination, source, offset }: Instruction): boolean {
  if (destination >= registerCount || source >= registerCount) return false;
  if (opcode === exitOpcode || opcode in loadSizes) return true;
  const [kind, operation] = [opcode & 0x07, opcode & 0xf0];
  if (kind === 4 || kind === 7) return operation in operations;
  return (kind === 5 || kind === 6) && operation in conditions && offset >= 0 && !(kind === 6 && operation === 0);
}

/**
 * What a plain program answers, worked out here as the kernel would.
 *
 * @throws ForwarderError `unsupported` when it does what no program does that the kernel lets in
 */
export function permits(program: readonly Instruction[], request: DeviceRequest): boolean {
  const run: Run = { registers: Array<Value>(registerCount).fill(undefined), argument: argumentOf(request) };
  run.registers[1] = 'argument';
  for (let at = 0; ; at += 1) {
    const instruction = program[at];
    if (instruction === undefined) throw new ForwarderError('unsupported', 'a device program has no end');
    if (instruction.opcode === exitOpcode) return (number(run, 0) & 1n) === 1n;
    at += step(run, instruction);
  }
}

function argumentOf({ access, major, minor }: DeviceRequest): DataView {
  const argument = new DataView(new ArrayBuffer(12));
  for (const [n, value] of [(access << 16) | characterDevice, major, minor].entries())
    argument.setUint32(4 * n, value, true);
  return argument;
}

/** @returns how many instructions to leave out */
function step(run: Run, instruction: Instruction): number {
  const { opcode, destination, offset } = instruction;
  const bytes = loadSizes[opcode];
  if (bytes !== undefined) {
    run.registers[destination] = loaded(run, instruction, bytes);
    return 0;
  }
  const kind = opcode & 0x07;
  if (kind === 5 || kind === 6) return jumps(run, instruction, kind === 6) ? offset : 0;
  compute(run, instruction, kind === 4);
  return 0;
}

function loaded({ registers, argument }: Run, { source, offset }: Instruction, bytes: number): bigint {
  if (registers[source] !== 'argument' || offset < 0 || offset + bytes > argument.byteLength) {
    throw new ForwarderError('unsupported', `a device program loads from register ${source} at ${offset}`);
  }
  if (bytes === 4) return BigInt(argument.getUint32(offset, true));
  return BigInt(bytes === 2 ? argument.getUint16(offset, true) : argument.getUint8(offset));
}

function jumps(run: Run, instruction: Instruction, narrow: boolean): boolean {
  const operation = instruction.opcode & 0xf0;
  if (operation === 0) return true;
  const bits = narrow ? 32 : 64;
  const a = BigInt.asUintN(bits, number(run, instruction.destination));
  return conditions[operation]?.(a, BigInt.asUintN(bits, operand(run, instruction))) ?? false;
}

function compute(run: Run, instruction: Instruction, narrow: boolean): void {
  const { opcode, destination, source } = instruction;
  const operation = opcode & 0xf0;
  const copies = operation === 0xb0;
  if (copies && (opcode & 0x08) !== 0 && !narrow) {
    run.registers[destination] = run.registers[source];
    return;
  }
  const bits = narrow ? 32 : 64;
  const a = copies ? 0n : BigInt.asUintN(bits, number(run, destination));
  const b = BigInt.asUintN(bits, operand(run, instruction));
  run.registers[destination] = BigInt.asUintN(bits, operations[operation]?.(a, b, BigInt(bits)) ?? 0n);
}

function operand(run: Run, { opcode, source, immediate }: Instruction): bigint {
  return (opcode & 0x08) === 0 ? BigInt(immediate) : number(run, source);
}

function number({ registers }: Run, register: number): bigint {
  const value = registers[register];
  if (typeof value === 'bigint') return value;
  throw new ForwarderError('unsupported', `a device program computes with register ${register}, which holds no number`);
}
