import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import { ForwarderError } from '../src/ports/error.js';
import { Changes } from './changes.js';
import { spawnInside } from './network/run-inside.js';

export interface DaemonOptions {
  /** The network namespace that it takes for the host's. */
  readonly home: NamespaceFile;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The compiled program, or the sources loaded as they are; the compiled one unless the sources are newer. */
  readonly program?: 'compiled' | 'source';
}

/** How the daemon ended. */
export interface DaemonEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** The real daemon as a child process. It dies with this process, however that ends. */
export class DaemonProcess implements AsyncDisposable {
  /** Everything it has written so far, line by line. */
  readonly lines: string[] = [];
  readonly ended: Promise<DaemonEnd>;
  readonly #child: ChildProcess;
  readonly #changes = new Changes<void>();
  #end: DaemonEnd | undefined;

  constructor({ home, env, program }: DaemonOptions) {
    const command = [...diesWithParent(), process.execPath, ...programArguments(program ?? freshest())];
    this.#child = spawnInside(home, command as [string, ...string[]], {
      cwd: root,
      env: { ...inherited(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // Ctrl-C in a terminal goes to the whole group; the daemon shall hear of it from here.
      detached: true,
    });
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
    if (this.#child.pid === undefined) throw new ForwarderError('unavailable', 'the daemon could not be started');
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /**
   * Resolves when it has logged a line with this text, of the lines from a number on.
   *
   * @throws ForwarderError when it ends first, with its last lines
   */
  async logged(text: string, signal: AbortSignal, from = 0): Promise<void> {
    const found = () => this.lines.slice(from).some((line) => line.includes(text));
    await this.#changes.until(() => found() || !this.running, signal);
    if (!found())
      throw new ForwarderError('unavailable', `the daemon ended early:\n${this.lines.slice(-5).join('\n')}`);
  }

  /** Ends it in order, with force when it does not within the time, ms. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 25_000): Promise<DaemonEnd> {
    if (this.running) this.#child.kill(signal);
    const force = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(force);
    }
  }

  /** What it holds now, from outside. `memory` is its resident set in MiB. */
  usage(): { readonly descriptors: readonly string[]; readonly memory: number } {
    const folder = `/proc/${this.pid}/fd`;
    const descriptors = readdirSync(folder).map((fd) => {
      try {
        return readlinkSync(join(folder, fd));
      } catch {
        return 'closed meanwhile';
      }
    });
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return { descriptors, memory: Number(resident) / 1024 };
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

function programArguments(program: 'compiled' | 'source'): readonly string[] {
  return program === 'compiled' ? [join(root, 'dist/src/start.cjs')] : ['--import', 'tsx', join(root, 'src/start.cts')];
}

function freshest(): 'compiled' | 'source' {
  const compiled = join(root, 'dist/src/start.cjs');
  if (!existsSync(compiled)) return 'source';
  const built = statSync(compiled).mtimeMs;
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  const newer = sources.some((it) => it.isFile() && statSync(join(it.parentPath, it.name)).mtimeMs > built);
  return newer ? 'source' : 'compiled';
}

/** What the daemon has from the surroundings of this process: where programs are, and whether it is to be debugged. */
function inherited(): NodeJS.ProcessEnv {
  const { PATH, DLV_LISTEN_FORWARDER } = process.env;
  return { PATH, ...(DLV_LISTEN_FORWARDER !== undefined && { DLV_LISTEN_FORWARDER }) };
}
