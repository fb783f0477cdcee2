import { closeSync, openSync } from 'node:fs';
import { DeviceProgram, queryDevicePrograms } from '../../src/native/device-programs.js';

/** As runc attaches its own: others may stand beside it. */
const several = 2;

/** Attaches one more program to a cgroup of v2. */
export async function attachProgram(folder: string, code: Uint8Array, flags = several): Promise<void> {
  await onFolder(folder, async (fd) => {
    using program = await DeviceProgram.load({ name: 'runtime', code });
    await program.attach(fd, flags);
  });
}

/** Puts a program in the place of the one that is there, as container runtimes do when they change a container. */
export async function replaceProgram(folder: string, code: Uint8Array): Promise<void> {
  await onFolder(folder, async (fd) => {
    const { ids, flags } = await queryDevicePrograms(fd);
    using former = await DeviceProgram.open(ids[0] ?? 0);
    using program = await DeviceProgram.load({ name: 'runtime', code });
    await program.replace(fd, former, flags);
  });
}

/** What is attached, each with its code. */
export async function attachedCode(folder: string): Promise<readonly Uint8Array[]> {
  return onFolder(folder, async (fd) => {
    const found: Uint8Array[] = [];
    for (const id of (await queryDevicePrograms(fd)).ids) {
      using program = await DeviceProgram.open(id);
      found.push((await program.read()).code);
    }
    return found;
  });
}

/** Ids of what is attached. */
export async function attachedIds(folder: string): Promise<readonly number[]> {
  return onFolder(folder, async (fd) => (await queryDevicePrograms(fd)).ids);
}

async function onFolder<T>(folder: string, work: (fd: number) => Promise<T>): Promise<T> {
  const fd = openSync(folder, 'r');
  try {
    return await work(fd);
  } finally {
    closeSync(fd);
  }
}
