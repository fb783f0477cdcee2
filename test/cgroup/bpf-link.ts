import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const syscall: (number: number, command: number, attributes: Uint8Array, size: number) => number = koffi
  .load(null)
  .func('long syscall(long number, int command, void *attributes, unsigned int size)');

const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_LINK_CREATE = 28;
const BPF_CGROUP_DEVICE = 6;

/**
 * Attaches a program to one more cgroup by a link, as a manager does that wants nobody else to change it; disposing
 * detaches it.
 */
export function attachByLink(folder: string, programId: number): Disposable {
  const cgroup = openSync(folder, 'r');
  const program = bpf(BPF_PROG_GET_FD_BY_ID, programId);
  const link = bpf(BPF_LINK_CREATE, program, cgroup, BPF_CGROUP_DEVICE);
  closeSync(cgroup);
  closeSync(program);
  return { [Symbol.dispose]: () => closeSync(link) };
}

function bpf(command: number, ...words: readonly number[]): number {
  const attributes = new DataView(new ArrayBuffer(144));
  for (const [n, word] of words.entries()) attributes.setUint32(4 * n, word, true);
  const result = syscall(process.arch === 'x64' ? 321 : 280, command, new Uint8Array(attributes.buffer), 144);
  if (result < 0) throw new Error(`bpf(${command}): errno ${koffi.errno()}`);
  return result;
}
