import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { DeviceNumber } from '../../src/ports/device-access.js';
import type { ContainerRules } from './container-rules.js';

/** Where a container's cgroup is. */
export interface ContainerPlace {
  /** Where its hierarchy begins in the file system. */
  readonly root: string;
  /** Below it, as `/proc/<pid>/cgroup` names it. */
  readonly path: string;
  readonly rules: ContainerRules;
}

/** Runs lines of shell, each in a process of its own, and answers each in one line. */
const program =
  'while read -r line; do if said=$( (eval "$line") 2>&1); then echo done; else echo "$said" | head -n 1; fi; done';

/**
 * A container of a pod: a cgroup of the running kernel in which no device may be used, and a process inside. Nothing
 * else of it is a container's: its files are the machine's.
 */
export class SimulatedContainer implements AsyncDisposable {
  readonly #place: ContainerPlace;
  readonly #shell: ChildProcess;
  readonly #answers: Interface;
  readonly #ended: Promise<never>;

  private constructor(place: ContainerPlace, shell: ChildProcess) {
    this.#place = place;
    this.#shell = shell;
    this.#answers = createInterface({ input: shell.stdout ?? process.stdin });
    this.#ended = once(this.#answers, 'close').then(() => {
      throw new Error(`the process in cgroup ${place.path} has ended`);
    });
    this.#ended.catch(() => undefined);
  }

  /** Makes the cgroup, whose parent must be there, and starts the process in it. */
  static async start(place: ContainerPlace): Promise<SimulatedContainer> {
    const folder = join(place.root, place.path);
    mkdirSync(folder);
    try {
      await place.rules.forbidAll(folder);
      const shell = spawn('sh', ['-c', program], {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { ...process.env, LC_ALL: 'C' },
        // Ctrl-C in a terminal goes to the whole group: it ends when we do, with its input.
        detached: true,
      });
      await once(shell, 'spawn');
      writeFileSync(join(folder, 'cgroup.procs'), String(shell.pid));
      return new SimulatedContainer(place, shell);
    } catch (thrown) {
      rmdirSync(folder);
      throw thrown;
    }
  }

  /** Its cgroup, as `/proc/<pid>/cgroup` names it. */
  get cgroup(): string {
    return this.#place.path;
  }

  /** Its cgroup in the file system. */
  get folder(): string {
    return join(this.#place.root, this.#place.path);
  }

  get pid(): number {
    return this.#shell.pid ?? 0;
  }

  /** Its process opens a device's node for reading and writing. @returns `done`, or what the kernel had against it */
  open(node: string): Promise<string> {
    return this.#run(`[ -c '${node}' ] || { echo 'No such device'; exit 1; }; exec 3<>'${node}'`);
  }

  /** Its process makes a device's node. @returns as {@link open} */
  makeNode(node: string, { major, minor }: DeviceNumber): Promise<string> {
    return this.#run(`mknod '${node}' c ${major} ${minor}`);
  }

  /** As after a change of its resources: whatever others allowed it is gone. */
  async update(): Promise<void> {
    await this.#place.rules.setAnew(this.folder);
  }

  /** Ends the process, and the cgroup with it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#shell.exitCode === null && this.#shell.signalCode === null) {
      const ended = once(this.#shell, 'exit');
      this.#shell.kill('SIGKILL');
      await ended;
    }
    rmdirSync(this.folder);
  }

  async #run(line: string): Promise<string> {
    const answer = once(this.#answers, 'line') as Promise<[string]>;
    this.#shell.stdin?.write(`${line}\n`);
    const [said] = await Promise.race([answer, this.#ended]);
    return /[^:]+$/.exec(said)?.[0].trim() ?? said;
  }
}
