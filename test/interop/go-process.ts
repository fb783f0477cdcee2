import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A Go peer as a child process that reads and writes lines. It ends when its input does. */
export class GoProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #errors: string[] = [];
  readonly #waiting: { resolve(line: string): void; reject(error: Error): void }[] = [];
  readonly #unread: string[] = [];
  #ended = false;

  /** @param program its path @param env what it needs beside PATH */
  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#child = spawn(program, args, { env: { PATH: process.env['PATH'], ...env }, stdio: 'pipe' });
    this.#closed = once(this.#child, 'close').finally(() => this.#end());
    this.#closed.catch(() => undefined);
    const { stdin, stdout, stderr } = this.#child;
    stdin?.on('error', () => undefined);
    stderr?.setEncoding('utf8').on('data', (text: string) => this.#errors.push(text));
    if (stdout !== null) createInterface({ input: stdout }).on('line', (line) => this.#heard(line));
  }

  write(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The next line that it writes. @throws Error when it ends first, with what it wrote to its standard error */
  read(): Promise<string> {
    const line = this.#unread.shift();
    if (line !== undefined) return Promise.resolve(line);
    if (this.#ended) return Promise.reject(this.#failure());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    await this.#closed.catch(() => undefined);
  }

  #heard(line: string): void {
    const reader = this.#waiting.shift();
    if (reader === undefined) this.#unread.push(line);
    else reader.resolve(line);
  }

  #end(): void {
    this.#ended = true;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure());
  }

  #failure(): Error {
    return new Error(`${this.#child.spawnfile} has ended: ${this.#errors.join('')}`);
  }
}
