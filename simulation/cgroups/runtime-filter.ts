import { encode, exit, type Instruction, load, mask, set, skipUnless } from '../../src/cgroup/instructions.js';
import type { DeviceNumber } from '../../src/ports/device-access.js';

/** A rule as the OCI runtime specification has it; undefined stands for any number. */
export interface RuntimeRule {
  readonly type: 'b' | 'c';
  readonly major?: number;
  readonly minor?: number;
  readonly access: 'm' | 'rw' | 'rwm';
}

const accessBits = { m: 1, rw: 6, rwm: 7 } as const;

/** What runc allows every container: all nodes may be made, /dev/null used. */
export const usualRules: readonly RuntimeRule[] = [
  { type: 'c', access: 'm' },
  { type: 'b', access: 'm' },
  { type: 'c', major: 1, minor: 3, access: 'rwm' },
];

/** The usual rules, less the wildcards, and one for each of the devices. */
export function rulesFor(devices: readonly DeviceNumber[]): readonly RuntimeRule[] {
  return [
    { type: 'c', major: 1, minor: 3, access: 'rwm' },
    ...devices.map((it) => ({ type: 'c', ...it, access: 'rwm' }) as const),
  ];
}

/** A device program of the shape that runc makes: everything is refused that no rule allows. */
export function runtimeFilter(rules: readonly RuntimeRule[], verdict: 0 | 1 = 0): Uint8Array {
  const prologue = [load(2, 0), mask(2, 0xffff), load(3, 0), shift(3, 16), load(4, 4), load(5, 8)];
  return encode([...prologue, ...rules.flatMap(ruleBlock), set(0, verdict), exit]);
}

/** Allows all devices but one, as an administrator may. */
export function allButOne(device: DeviceNumber): Uint8Array {
  return encode([
    load(4, 4),
    load(5, 8),
    skipUnless(4, device.major, 3),
    skipUnless(5, device.minor, 2),
    set(0, 0),
    exit,
    set(0, 1),
    exit,
  ]);
}

/** Each check that fails skips the rest of the block. */
function ruleBlock({ type, major, minor, access }: RuntimeRule): readonly Instruction[] {
  const bits = accessBits[access];
  const block: Instruction[] = [set(0, 1), exit];
  if (minor !== undefined) block.unshift(skipUnless(5, minor, block.length));
  if (major !== undefined) block.unshift(skipUnless(4, major, block.length));
  if (access !== 'rwm') block.unshift(copy(1, 3), mask(1, bits), skipUnlessSame(1, 3, block.length));
  block.unshift(skipUnless(2, type === 'b' ? 1 : 2, block.length));
  return block;
}

function shift(destination: number, immediate: number): Instruction {
  return { opcode: 0x74, destination, source: 0, offset: 0, immediate };
}

function copy(destination: number, source: number): Instruction {
  return { opcode: 0xbc, destination, source, offset: 0, immediate: 0 };
}

function skipUnlessSame(destination: number, source: number, offset: number): Instruction {
  return { opcode: 0x5d, destination, source, offset, immediate: 0 };
}
