import type { DeviceNumber } from '../ports/device-access.js';
import { exit, type Instruction, load, mask, set, skipUnless } from './instructions.js';

/** A device program taken apart. */
export interface Program {
  /** What our block in it allows, whatever the rest says. */
  readonly granted: readonly DeviceNumber[];
  /** The program without our block, as others made it. */
  readonly rest: readonly Instruction[];
}

/** "NSMv": the kernel keeps values that nobody reads, so the block says by itself whose it is. */
const mark = 0x4e534d76;
const version = 1;

const result = 0;
const [kind, major, minor] = [6, 7, 8] as const;
const characterDevice = 2;
const ruleLength = 4;

/**
 * Puts a block in front of a program that allows these devices and leaves everything else to what follows: jumps are
 * relative, and register 1 is still the argument there. Without devices it is the program itself.
 */
export function assemble({ granted, rest }: Program): readonly Instruction[] {
  return granted.length === 0 ? rest : [...block(granted, rest), ...rest];
}

/**
 * Finds our blocks in a program, also behind what somebody else has put in front of them. A block is ours when it is,
 * bit by bit, what would be put in front of what follows it.
 */
export function disassemble(program: readonly Instruction[]): Program {
  let granted: readonly DeviceNumber[] = [];
  let rest = program;
  for (let at = 0; at < rest.length; at += 1) {
    const found = blockAt(rest, at);
    if (found === undefined) continue;
    granted = [...granted, ...found.filter((device) => !includesDevice(granted, device))];
    rest = [...rest.slice(0, at), ...rest.slice(at + blockLength(found.length))];
    at -= 1;
  }
  return { granted, rest };
}

/** Whether the device is among these. */
export function includesDevice(devices: readonly DeviceNumber[], device: DeviceNumber): boolean {
  return devices.some((it) => it.major === device.major && it.minor === device.minor);
}

function block(devices: readonly DeviceNumber[], rest: readonly Instruction[]): Instruction[] {
  return [
    set(result, mark),
    set(result, (version << 16) | devices.length),
    set(result, checksum([...devices.flatMap((it) => [it.major, it.minor]), ...rest.flatMap(words)])),
    load(kind, 0),
    mask(kind, 0xffff),
    skipUnless(kind, characterDevice, 2 + ruleLength * devices.length),
    load(major, 4),
    load(minor, 8),
    ...devices.flatMap((it) => [skipUnless(major, it.major, 3), skipUnless(minor, it.minor, 2), set(result, 1), exit]),
  ];
}

function blockLength(devices: number): number {
  return 8 + ruleLength * devices;
}

function blockAt(program: readonly Instruction[], at: number): readonly DeviceNumber[] | undefined {
  if (program[at]?.immediate !== mark) return undefined;
  const count = (program[at + 1]?.immediate ?? 0) & 0xffff;
  const end = at + blockLength(count);
  if (count === 0 || end > program.length) return undefined;
  const devices = Array.from({ length: count }, (_, n) => ({
    major: program[at + 8 + ruleLength * n]?.immediate ?? 0,
    minor: program[at + 9 + ruleLength * n]?.immediate ?? 0,
  }));
  const expected = block(devices, program.slice(end));
  return sameInstructions(expected, program.slice(at, end)) ? devices : undefined;
}

/** Whether two programs are the same, bit by bit. */
export function sameInstructions(a: readonly Instruction[], b: readonly Instruction[]): boolean {
  return a.length === b.length && a.every((it, n) => same(it, b[n]));
}

function same(a: Instruction, b: Instruction | undefined): boolean {
  if (b === undefined) return false;
  const [left, right] = [words(a), words(b)];
  return left.every((word, n) => word === right[n]);
}

function words({ opcode, destination, source, offset, immediate }: Instruction): [number, number] {
  return [opcode | (destination << 8) | (source << 12) | ((offset & 0xffff) << 16), immediate];
}

/** FNV-1a over 32-bit words. */
function checksum(values: readonly number[]): number {
  return values.reduce((hash, value) => Math.imul(hash ^ value, 0x01000193), 0x811c9dc5 | 0);
}
