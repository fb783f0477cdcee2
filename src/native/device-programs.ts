import { closeSync } from 'node:fs';
import { arch } from 'node:os';
import koffi from 'koffi';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import { errnoName, lastErrno, libc, systemError } from './libc.js';

type Done = (error: unknown, result: number) => void;
interface BpfCall {
  async(number: number, command: number, attributes: Uint8Array, size: number, done: Done): void;
}

/** Variadic in C; bpf(2) has no wrapper in the C library. */
const syscall: BpfCall = libc.func('long syscall(long number, int command, void *attributes, unsigned int size)');
/** Little-endian ones, as the layouts here are. */
const numbers: Readonly<Record<string, number>> = { x64: 321, arm64: 280, riscv64: 280 };

// linux/bpf.h; the attributes' layouts are sriov-linux.md 4.3's.
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_OBJ_GET_INFO_BY_FD = 15;
const BPF_PROG_QUERY = 16;
const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
const BPF_CGROUP_DEVICE = 6;
const BPF_F_REPLACE = 4;
const BPF_F_QUERY_EFFECTIVE = 1;

/** The flag of programs that may stand beside others on one cgroup; without it there is one, with flags 0 or 1. */
const BPF_F_ALLOW_MULTI = 2;

const EAGAIN = 11;
const ENOSYS = 38;

/** More than any command needs: kernels since 6.17 write past the end of a short one. */
const attributesLength = 144;
const infoLength = 232;
/** A cgroup holds 64 programs of a kind at most; an effective list those of all its ancestors too. */
const idsRoom = 64 * 32;
const loadAttempts = 5;
const nameLength = 15;

/** What is attached to a cgroup: ids in the order in which the programs run, and the flags of their attachment. */
export interface AttachedPrograms {
  readonly ids: readonly number[];
  readonly flags: number;
}

/** A program as it was loaded. Its code is eBPF, 8 bytes each instruction. */
export interface ProgramCode {
  readonly name: string;
  readonly code: Uint8Array;
  readonly maps: number;
}

/** An open program of type BPF_PROG_TYPE_CGROUP_DEVICE (bpf(2)). The kernel keeps it while it is open or attached. */
export class DeviceProgram implements Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws ForwarderError with the errno in its details (`ENOENT` when it is gone) */
  static async open(id: number): Promise<DeviceProgram> {
    const attributes = newAttributes();
    attributes.setUint32(0, id, true);
    return new DeviceProgram(await bpf('BPF_PROG_GET_FD_BY_ID', BPF_PROG_GET_FD_BY_ID, attributes));
  }

  /** @throws ForwarderError with the errno in its details (`EINVAL`, `EACCES` when the verifier refuses it) */
  static async load({ name, code }: Pick<ProgramCode, 'name' | 'code'>): Promise<DeviceProgram> {
    const instructions = copyOf(code);
    const license = copyOf(Buffer.from('Apache-2.0\0'));
    const attributes = newAttributes();
    attributes.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
    attributes.setUint32(4, code.length / 8, true);
    attributes.setBigUint64(8, koffi.address(instructions), true);
    attributes.setBigUint64(16, koffi.address(license), true);
    new Uint8Array(attributes.buffer).set(Buffer.from(name.slice(0, nameLength)), 48);
    attributes.setUint32(68, BPF_CGROUP_DEVICE, true);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return new DeviceProgram(await bpf('BPF_PROG_LOAD', BPF_PROG_LOAD, attributes, instructions, license));
      } catch (error) {
        // The verifier gives way to signals.
        if (!isInterrupted(error) || attempt === loadAttempts) throw error;
      }
    }
  }

  /** The code that the kernel shows; empty when it does not (kernel.kptr_restrict, net.core.bpf_jit_harden). */
  async read(): Promise<ProgramCode> {
    const lengths = await this.#info(0, 0n);
    const length = lengths.getUint32(20, true);
    const code = new Uint8Array(new ArrayBuffer(length));
    const info = await this.#info(length, length === 0 ? 0n : koffi.address(code), code);
    const name = Buffer.from(info.buffer, info.byteOffset + 64, nameLength + 1).toString('latin1');
    const shown = info.getBigUint64(32, true) !== 0n && info.getUint32(20, true) === length;
    return { name: name.replace(/\0.*$/s, ''), code: shown ? code : new Uint8Array(), maps: info.getUint32(52, true) };
  }

  /**
   * Attaches it to a cgroup in one step. With `BPF_F_ALLOW_MULTI` it takes the place of `former`; with other flags it
   * takes the place of whatever is there.
   *
   * @param cgroup - an open folder of the cgroup2 file system
   * @throws ForwarderError with the errno in its details (`ENOENT` when `former` is not attached any more)
   */
  async replace(cgroup: number, former: DeviceProgram, flags: number): Promise<void> {
    const several = (flags & BPF_F_ALLOW_MULTI) !== 0;
    await attach(cgroup, this.#fd, {
      flags: several ? flags | BPF_F_REPLACE : flags,
      former: several ? former.#fd : 0,
    });
  }

  /** Attaches it beside what is there. */
  async attach(cgroup: number, flags: number): Promise<void> {
    await attach(cgroup, this.#fd, { flags, former: 0 });
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  async #info(codeRoom: number, codeAddress: bigint, code?: Uint8Array): Promise<DataView> {
    const info = new DataView(new ArrayBuffer(infoLength));
    info.setUint32(20, codeRoom, true);
    info.setBigUint64(32, codeAddress, true);
    const attributes = newAttributes();
    attributes.setUint32(0, this.#fd, true);
    attributes.setUint32(4, infoLength, true);
    attributes.setBigUint64(8, koffi.address(new Uint8Array(info.buffer)), true);
    await bpf('BPF_OBJ_GET_INFO_BY_FD', BPF_OBJ_GET_INFO_BY_FD, attributes, info, code);
    return info;
  }
}

/**
 * The device programs of a cgroup.
 *
 * @param cgroup - an open folder of the cgroup2 file system
 * @param effective - its ancestors' programs as well; the flags are 0 then
 * @throws ForwarderError with the errno in its details
 */
export async function queryDevicePrograms(cgroup: number, effective = false): Promise<AttachedPrograms> {
  const ids = new Uint32Array(new ArrayBuffer(4 * idsRoom));
  const attributes = newAttributes();
  attributes.setUint32(0, cgroup, true);
  attributes.setUint32(4, BPF_CGROUP_DEVICE, true);
  attributes.setUint32(8, effective ? BPF_F_QUERY_EFFECTIVE : 0, true);
  attributes.setBigUint64(16, koffi.address(new Uint8Array(ids.buffer)), true);
  attributes.setUint32(24, idsRoom, true);
  await bpf('BPF_PROG_QUERY', BPF_PROG_QUERY, attributes, ids);
  return { ids: [...ids.subarray(0, attributes.getUint32(24, true))], flags: attributes.getUint32(12, true) };
}

async function attach(
  cgroup: number,
  program: number,
  { flags, former }: { readonly flags: number; readonly former: number },
): Promise<void> {
  const attributes = newAttributes();
  attributes.setUint32(0, cgroup, true);
  attributes.setUint32(4, program, true);
  attributes.setUint32(8, BPF_CGROUP_DEVICE, true);
  attributes.setUint32(12, flags, true);
  attributes.setUint32(16, former, true);
  await bpf('BPF_PROG_ATTACH', BPF_PROG_ATTACH, attributes);
}

/**
 * Calls bpf(2) from a thread of the pool: it waits for the kernel's cgroup lock, and the verifier takes its time.
 *
 * @param alive - memory whose address is in the attributes; the closure of the callback keeps it
 */
function bpf(call: string, command: number, attributes: DataView, ...alive: unknown[]): Promise<number> {
  const number = numbers[arch()];
  if (number === undefined) throw new ForwarderError('unsupported', `bpf(2) has no known number on ${arch()}`);
  return new Promise((resolve, reject) => {
    syscall.async(number, command, new Uint8Array(attributes.buffer), attributesLength, (error, result) => {
      const errno = lastErrno();
      void alive;
      if (error !== null) reject(toForwarderError(error));
      else if (result < 0) reject(errno === ENOSYS ? absent() : systemError(call, errno));
      else resolve(result);
    });
  });
}

function isInterrupted(error: unknown): boolean {
  return error instanceof ForwarderError && error.details['errno'] === errnoName(EAGAIN);
}

function absent(): ForwarderError {
  return new ForwarderError('unsupported', 'this kernel has no bpf(2)', { details: { errno: 'ENOSYS' } });
}

/** Memory of its own, which never moves: the kernel gets its address. */
function newAttributes(): DataView {
  return new DataView(new ArrayBuffer(attributesLength));
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
