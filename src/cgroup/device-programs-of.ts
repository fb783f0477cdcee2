import { DeviceProgram, type ProgramCode } from '../native/device-programs.js';
import type { DeviceNumber } from '../ports/device-access.js';
import { ForwarderError } from '../ports/error.js';
import { permits, requirePlainProgram } from './device-filter.js';
import { assemble, disassemble, type Program, sameInstructions } from './grant-block.js';
import { decode, encode, type Instruction } from './instructions.js';

/** A program of the kernel, open and taken apart. */
export interface OpenProgram extends Program, Disposable {
  readonly name: string;
  readonly handle: DeviceProgram;
}

/** What opening a device node for reading, writing or both, and making one, ask for. */
const requests = [0b001, 0b010, 0b100, 0b110];

/**
 * Opens a program by its id.
 *
 * @throws ForwarderError `unsupported` when it cannot be read and put together again; with errno `ENOENT` when it is gone
 */
export async function openProgram(id: number): Promise<OpenProgram> {
  const handle = await DeviceProgram.open(id);
  try {
    const shown = await handle.read();
    const program = readable(shown);
    return { ...disassemble(program), name: shown.name, handle, [Symbol.dispose]: () => handle[Symbol.dispose]() };
  } catch (error) {
    handle[Symbol.dispose]();
    throw error;
  }
}

/**
 * Loads the same program with another list of devices in our block, under the name that it has.
 *
 * @throws ForwarderError `unsupported` when the kernel makes something else of it, which could not be taken off again
 */
export async function loadWith({ name, rest }: OpenProgram, granted: readonly DeviceNumber[]): Promise<DeviceProgram> {
  const program = assemble({ granted, rest });
  const handle = await DeviceProgram.load({ name, code: encode(program) });
  try {
    if (sameInstructions(readable(await handle.read()), program)) return handle;
    throw new ForwarderError('unsupported', 'its device program cannot be changed: the kernel rewrites it');
  } catch (error) {
    handle[Symbol.dispose]();
    throw error;
  }
}

/** Whether a program lets processes open the device for reading and writing, and make its node. */
export function permitsDevice(program: readonly Instruction[], { major, minor }: DeviceNumber): boolean {
  return requests.every((access) => permits(program, { access, major, minor }));
}

function readable({ code, maps }: ProgramCode): readonly Instruction[] {
  if (maps > 0) throw new ForwarderError('unsupported', 'its device program cannot be changed: it uses maps');
  if (code.length === 0) {
    throw new ForwarderError(
      'unsupported',
      'its device program cannot be read: kernel.kptr_restrict or net.core.bpf_jit_harden forbids it (set both below 2)',
    );
  }
  const program = decode(code);
  requirePlainProgram(program);
  return program;
}
