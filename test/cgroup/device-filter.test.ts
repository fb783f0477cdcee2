import { expect } from 'chai';
import fc from 'fast-check';
import { allButOne, type RuntimeRule, runtimeFilter, usualRules } from '../../simulation/cgroups/runtime-filter.js';
import { permits, requirePlainProgram } from '../../src/cgroup/device-filter.js';
import { assemble, disassemble } from '../../src/cgroup/grant-block.js';
import { decode, encode, exit, type Instruction, load, set } from '../../src/cgroup/instructions.js';
import type { DeviceNumber } from '../../src/ports/device-access.js';
import { ForwarderError } from '../../src/ports/error.js';

const numbers = fc.oneof(fc.nat(3), fc.constantFrom(511, 4095));
const devices = fc.record({ major: numbers, minor: fc.oneof(fc.nat(3), fc.constant(0xfffff)) });
const wildcard = fc.option(numbers, { nil: undefined });
const rules = fc.array(
  fc.record({
    type: fc.constantFrom('b', 'c'),
    major: wildcard,
    minor: wildcard,
    access: fc.constantFrom('m', 'rw', 'rwm'),
  }),
  { maxLength: 6 },
) as fc.Arbitrary<readonly RuntimeRule[]>;
const accesses = fc.constantFrom(1, 2, 4, 6, 7);
const bits = { m: 1, rw: 6, rwm: 7 };

/** What the rules mean, said another way. */
function meant(list: readonly RuntimeRule[], { major, minor }: DeviceNumber, access: number): boolean {
  return list.some(
    (rule) =>
      rule.type === 'c' &&
      (rule.major ?? major) === major &&
      (rule.minor ?? minor) === minor &&
      (access & ~bits[rule.access]) === 0,
  );
}

describe('a device program', () => {
  it('answers here what its rules mean', () => {
    fc.assert(
      fc.property(rules, devices, accesses, (list, device, access) => {
        const program = decode(runtimeFilter(list));
        requirePlainProgram(program);
        expect(permits(program, { ...device, access })).to.equal(meant(list, device, access));
      }),
    );
  });

  it('is the same after it was read and written', () => {
    fc.assert(
      fc.property(rules, (list) => {
        const code = runtimeFilter(list);
        expect(encode(decode(code))).to.deep.equal(code);
      }),
    );
  });

  it('with our block allows the granted devices, and else answers as before', () => {
    fc.assert(
      fc.property(
        rules,
        fc.uniqueArray(devices, { selector: (it) => `${it.major}:${it.minor}` }),
        devices,
        accesses,
        (list, granted, device, access) => {
          const rest = decode(runtimeFilter(list));
          const program = assemble({ granted, rest });
          const isGranted = granted.some((it) => it.major === device.major && it.minor === device.minor);
          expect(permits(program, { ...device, access })).to.equal(isGranted || meant(list, device, access));
          requirePlainProgram(program);
        },
      ),
    );
  });

  it('gives our block back, and itself as it was', () => {
    fc.assert(
      fc.property(
        rules,
        fc.uniqueArray(devices, { minLength: 1, selector: (it) => `${it.major}:${it.minor}` }),
        (list, granted) => {
          const rest = decode(runtimeFilter(list));
          expect(disassemble(assemble({ granted, rest }))).to.deep.equal({ granted, rest });
        },
      ),
    );
  });

  it('gives our block back also from behind what somebody else has put in front of it', () => {
    const rest = decode(runtimeFilter(usualRules));
    const granted = [{ major: 10, minor: 196 }];
    const theirs: readonly Instruction[] = [load(6, 4), set(0, 7)];
    expect(disassemble([...theirs, ...assemble({ granted, rest })])).to.deep.equal({
      granted,
      rest: [...theirs, ...rest],
    });
  });

  it('has no block of ours when one bit is different', () => {
    const rest = decode(runtimeFilter(usualRules));
    const code = encode(assemble({ granted: [{ major: 10, minor: 196 }], rest }));
    fc.assert(
      fc.property(fc.nat(code.length * 8 - 1), (bit) => {
        const forged = Uint8Array.from(code);
        forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(disassemble(decode(forged)).granted).to.deep.equal([]);
      }),
    );
  });

  it('as systemd makes them, with narrow loads and jumps ahead, is understood', () => {
    const narrow: Instruction = { opcode: 0x69, destination: 2, source: 1, offset: 0, immediate: 0 };
    const ahead: Instruction = { opcode: 0x05, destination: 0, source: 0, offset: 1, immediate: 0 };
    const equal: Instruction = { opcode: 0x15, destination: 2, source: 0, offset: 2, immediate: 2 };
    const wide = (value: number): Instruction => ({ ...set(0, value), opcode: 0xb7 });
    const program = [narrow, equal, wide(0), ahead, wide(1), exit];
    expect(permits(program, { major: 1, minor: 3, access: 7 })).to.equal(true);
    expect(permits(decode(allButOne({ major: 1, minor: 3 })), { major: 1, minor: 3, access: 2 })).to.equal(false);
  });

  for (const [title, instruction] of Object.entries({
    'a call': { opcode: 0x85, destination: 0, source: 0, offset: 0, immediate: 15 },
    'a wide constant (a map)': { opcode: 0x18, destination: 1, source: 1, offset: 0, immediate: 3 },
    'a blinded constant': { opcode: 0xb4, destination: 11, source: 0, offset: 0, immediate: 1 },
    'a jump back': { opcode: 0x05, destination: 0, source: 0, offset: -1, immediate: 0 },
    'a store': { opcode: 0x63, destination: 10, source: 1, offset: -4, immediate: 0 },
    'a signed jump': { opcode: 0x65, destination: 2, source: 0, offset: 0, immediate: 3 },
  } satisfies Record<string, Instruction>)) {
    it(`with ${title} is not touched, and the instruction is named`, () => {
      expect(() => requirePlainProgram([set(0, 1), instruction, exit]))
        .to.throw(ForwarderError, 'instruction 1 (0x')
        .with.property('kind', 'unsupported');
    });
  }

  it('that no kernel would let in is unsupported, not an endless loop', () => {
    const request = { major: 1, minor: 3, access: 2 };
    const broken: readonly (readonly Instruction[])[] = [
      [],
      [set(0, 1)],
      [exit],
      [load(0, 64), exit],
      [{ ...load(0, 0), source: 2 }, exit],
      [{ ...set(1, 1), opcode: 0x54 }, exit],
    ];
    for (const program of broken) {
      expect(() => permits(program, request))
        .to.throw(ForwarderError)
        .with.property('kind', 'unsupported');
    }
  });
});
