import { type ChildProcess, fork } from 'node:child_process';
import { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ForwarderError } from '../ports/error.js';
import type { WriteAnswer, WriteOrder } from './write-helper.js';

interface PendingAnswer {
  readonly resolve: (answer: WriteAnswer) => void;
  readonly reject: (reason: unknown) => void;
}

/** One running write helper. It keeps this process alive only while it writes, and ends with it. */
export class WriteProcess {
  /** Resolves when the process is gone: for one that the kernel holds, when the kernel lets go. */
  readonly ended: Promise<void>;
  readonly #child = startHelper();
  #pending: PendingAnswer | undefined;

  constructor() {
    const child = this.#child;
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      // A process that never started has no exit.
      child.once('error', () => child.pid === undefined && resolve());
    });
    child.on('message', (answer) => this.#pending?.resolve(answer as WriteAnswer));
    child.on('exit', () => this.#pending?.reject(lost()));
    child.on('error', (cause) => this.#pending?.reject(lost(cause)));
    this.#keepAlive(false);
  }

  /** False when it can take no further write. */
  get usable(): boolean {
    return this.#child.connected;
  }

  /**
   * Has the helper write; one write at a time.
   *
   * @throws an Error with `code` (the errno); ForwarderError `unknown` when the helper ended first; the signal's
   * reason. After the last two the helper has been killed.
   */
  async write(order: WriteOrder, signal: AbortSignal): Promise<void> {
    const answer = await this.#ask(order, signal);
    if (answer.problem === undefined) return;
    throw Object.assign(new Error(answer.problem), answer.errno !== undefined && { code: answer.errno });
  }

  /** Ends the helper. One that the kernel holds goes as soon as the kernel lets go. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(order: WriteOrder, signal: AbortSignal): Promise<WriteAnswer> {
    const left = () => this.#pending?.reject(signal.reason);
    signal.addEventListener('abort', left, { once: true });
    this.#keepAlive(true);
    try {
      return await new Promise<WriteAnswer>((resolve, reject) => {
        this.#pending = { resolve, reject };
        this.#child.send(order, (error) => error !== null && reject(lost(error)));
      });
    } catch (error) {
      this.kill();
      throw error;
    } finally {
      this.#pending = undefined;
      signal.removeEventListener('abort', left);
      this.#keepAlive(false);
    }
  }

  #keepAlive(yes: boolean): void {
    const change = yes ? 'ref' : 'unref';
    this.#child[change]();
    this.#child.channel?.[change]();
  }
}

function lost(cause?: unknown): ForwarderError {
  return new ForwarderError('unknown', 'the helper that writes to the PCI tree ended before it answered', { cause });
}

/**
 * Starts the program beside this file: `.js` when built, `.ts` under the loader that runs this file too. A debugger's
 * port is not for children. In a session of its own it does not get a terminal's Ctrl-C: the daemon still has to give
 * functions back then. What it says is passed on here: with the daemon's own standard error in its hands, one that the
 * kernel holds would keep whoever reads that from seeing the daemon's end.
 */
function startHelper(): ChildProcess {
  const program = fileURLToPath(new URL(`./write-helper${extname(import.meta.url)}`, import.meta.url));
  const child = fork(program, {
    detached: true,
    execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  child.stderr?.on('data', (said: Buffer) => process.stderr.write(said));
  if (child.stderr instanceof Socket) child.stderr.unref();
  return child;
}
