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

  /** The last request does not count when its answer was still under way. */
  async stop(): Promise<Pings> {
    await this.#program.stop('SIGINT');
    const { lines } = this.#program;
    const transmitted = lines
      .map((line) => /^(\d+) packets transmitted/.exec(line)?.[1])
      .find((it) => it !== undefined);
    if (transmitted === undefined) throw new Error(`ping ended without a summary:\n${lines.join('\n')}`);
    const answers = new Set(lines.flatMap((line) => /bytes from .* icmp_seq=(\d+) /.exec(line)?.[1] ?? []));
    const sent = answers.has(transmitted) ? Number(transmitted) : Number(transmitted) - 1;
    return { sent, answered: answers.size };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
