import { RunningProgram } from '../../simulation/running-program.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';

/** What became of the echo requests. */
export interface Pings {
  readonly sent: number;
  readonly answered: number;
}

/** Ten echo requests a second from inside a namespace, until it is stopped. */
export class Pinger implements AsyncDisposable {
  readonly #program: RunningProgram;

  constructor(namespace: NamespaceFile, address: string) {
    const command = ['ping', '-n', '-i', '0.1', address] as const;
    this.#program = new RunningProgram({ name: 'ping', command, namespace, env: { PATH: process.env['PATH'] } });
  }

  /** Resolves when one was answered. */
  async answered(signal: AbortSignal): Promise<void> {
    await this.#program.logged('bytes from', signal);
  }

  async stop(): Promise<Pings> {
    await this.#program.stop('SIGINT');
    const summary = this.#program.lines.find((line) => line.includes('packets transmitted')) ?? '';
    const [, sent, answered] = /^(\d+) packets transmitted, (\d+) received/.exec(summary) ?? [];
    if (sent === undefined) throw new Error(`ping ended without a summary:\n${this.#program.lines.join('\n')}`);
    return { sent: Number(sent), answered: Number(answered) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
