import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { OpenAnswer } from './vfio-program.js';

const program = fileURLToPath(new URL('./vfio-program.js', import.meta.url));

/** A process in a cgroup that uses devices on demand. */
export class VfioUser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  private constructor(child: ChildProcess, lines: Interface) {
    this.#child = child;
    this.#lines = lines;
  }

  /** @param cgroupFolder - of the cgroup that it is in from its beginning; where the test is, unless given */
  static async start(cgroupFolder?: string): Promise<VfioUser> {
    const child = spawn('sh', ['-c', 'read go; exec "$0" "$1"', process.execPath, program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child, 'spawn');
    if (cgroupFolder !== undefined) writeFileSync(join(cgroupFolder, 'cgroup.procs'), String(child.pid));
    child.stdin.write('go\n');
    return new VfioUser(child, createInterface({ input: child.stdout }));
  }

  /** Opens the group's device and reads who made it. */
  async open(iommuGroup: number, address: PciAddress): Promise<OpenAnswer> {
    return this.#ask(`open /dev/vfio/vfio /dev/vfio/${iommuGroup} ${address}`);
  }

  async close(): Promise<void> {
    await this.#ask('close');
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  async #ask(command: string): Promise<OpenAnswer> {
    const line = once(this.#lines, 'line') as Promise<[string]>;
    this.#child.stdin?.write(`${command}\n`);
    return JSON.parse((await line)[0]) as OpenAnswer;
  }
}
