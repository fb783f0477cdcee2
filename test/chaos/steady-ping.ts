import { RunningProgram } from '../../simulation/running-program.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';

/** What became of the echo requests, up to the last answer. */
export interface Echoes {
  readonly answered: number;
  /** Sequence numbers without an answer though a later one has one. */
  readonly lost: readonly number[];
}

/** Twenty echo requests a second from inside a namespace, until it is stopped. */
export class SteadyPing implements AsyncDisposable {
  readonly #program: RunningProgram;

  constructor(namespace: NamespaceFile, address: string) {
    const command = ['ping', '-n', '-i', '0.05', address] as const;
    this.#program = new RunningProgram({ name: 'ping', command, namespace, env: { PATH: process.env['PATH'] } });
  }

  /** Resolves when one was answered from now on. */
  async answered(signal: AbortSignal): Promise<void> {
    await this.#program.logged('bytes from', signal, this.#program.lines.length);
  }

  async stop(): Promise<Echoes> {
    await this.#program.stop('SIGINT');
    const numbers = this.#program.lines.flatMap((line) => {
      const [, number] = /bytes from .* icmp_seq=(\d+)/.exec(line) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
    const answers = new Set(numbers);
    const all = Array.from({ length: numbers.at(-1) ?? 0 }, (_, i) => i + 1);
    return { answered: answers.size, lost: all.filter((number) => !answers.has(number)) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}
