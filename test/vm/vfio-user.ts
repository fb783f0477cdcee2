import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { OpenAnswer } from './vfio-program.js';

/** The file of the program that all of them are. */
export const vfioProgram = fileURLToPath(new URL('./vfio-program.js', import.meta.url));

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
    const child = spawn('sh', ['-c', 'read go; exec "$0" "$1"', process.execPath, vfioProgram], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(child, 'spawn');
    if (cgroupFolder !== undefined) writeFileSync(join(cgroupFolder, 'cgroup.procs'), String(child.pid));
    child.stdin.write('go\n');
    return new VfioUser(child, createInterface({ input: child.stdout }));
  }

  /** One that somebody else starts, as a container runtime does: the command runs {@link vfioProgram}. */
  static async startBy(command: readonly [string, ...string[]]): Promise<VfioUser> {
    const [runtime, ...args] = command;
    const child = spawn(runtime, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    return new VfioUser(child, createInterface({ input: child.stdout }));
  }

  /** Stops it where it is, with all that it has open. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Resolves when it has ended, whoever ended it. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  /** Opens the group's device and reads who made it. */
  async open(iommuGroup: number, address: PciAddress): Promise<OpenAnswer> {
    return this.#ask(`open /dev/vfio/vfio /dev/vfio/${iommuGroup} ${address}`);
  }

  async close(): Promise<void> {
    await this.#ask('close');
  }

  async kill(): Promise<void> {
    const ended = this.ended();
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
