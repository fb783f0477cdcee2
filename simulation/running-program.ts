import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import { ForwarderError } from '../src/ports/error.js';
import { Changes } from './changes.js';
import { spawnInside } from './network/run-inside.js';

export interface ProgramOptions {
  /** What errors call it. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** The network namespace that it takes for the host's. */
  readonly namespace: NamespaceFile;
  /** All of its environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program as a child process whose lines are kept. It dies with this process, however that ends. */
export class RunningProgram implements AsyncDisposable {
  /** Everything it has written so far, line by line. */
  readonly lines: string[] = [];
  readonly ended: Promise<ProgramEnd>;
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #changes = new Changes<void>();
  #end: ProgramEnd | undefined;

  constructor({ name, command, namespace, env, cwd }: ProgramOptions) {
    this.#name = name;
    const options: SpawnOptions = {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in a terminal goes to the whole group; the program shall hear of it from here.
      detached: true,
      ...(cwd !== undefined && { cwd }),
    };
    this.#child = spawnInside(namespace, [...diesWithParent(), ...command] as [string, ...string[]], options);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#heard(line));
    }
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
        this.#changes.publish();
      });
    });
    this.ended.catch(() => undefined);
  }

  /** @throws ForwarderError when it could not be started */
  get pid(): number {
    if (this.#child.pid === undefined) throw new ForwarderError('unavailable', `${this.#name} could not be started`);
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /**
   * Resolves when it has written a line with this text, of the lines from a number on.
   *
   * @throws ForwarderError when it ends first, with its last lines
   */
  async logged(text: string, signal: AbortSignal, from = 0): Promise<void> {
    await this.until((lines) => lines.slice(from).some((line) => line.includes(text)), signal);
  }

  /**
   * Resolves when the condition holds for the lines so far; it is looked at after every line.
   *
   * @throws ForwarderError when the program ends first, with its last lines
   */
  async until(condition: (lines: readonly string[]) => boolean, signal: AbortSignal): Promise<void> {
    await this.#changes.until(() => condition(this.lines) || !this.running, signal);
    if (condition(this.lines)) return;
    throw new ForwarderError('unavailable', `${this.#name} ended early:\n${this.lines.slice(-5).join('\n')}`);
  }

  /** Ends it in order, with force when it does not within the time, ms. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 25_000): Promise<ProgramEnd> {
    this.send(signal);
    const force = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(force);
    }
  }

  /** Sends a signal, if it is still there. */
  send(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running && this.#child.pid !== undefined) await this.stop();
  }

  #heard(line: string): void {
    this.lines.push(line);
    this.#changes.publish();
  }
}

/** So that nothing stays behind even when this process is killed. */
function diesWithParent(): readonly string[] {
  const setpriv = '/usr/bin/setpriv';
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
}
