import fs from 'node:fs';
import type { FileCalls } from '../../src/journal/file-calls.js';

/** One call that is about to be made. */
export interface Call {
  readonly name: keyof FileCalls;
  readonly args: readonly unknown[];
  /** Makes it. */
  readonly proceed: () => unknown;
  /** Ends the process that makes it. */
  readonly end: () => void;
}

/** What becomes of a call; `proceed` unless a test has other plans. */
export type Meddle = (call: Call) => unknown;

/** `node:fs` as one process has it: it counts the calls, can be made to fail, and ends with its descriptors. */
export class ProcessCalls {
  readonly calls: FileCalls;
  readonly names: string[] = [];
  meddle: Meddle = ({ proceed }) => proceed();
  readonly #open = new Set<number>();
  #alive = true;

  constructor() {
    const get =
      (target: typeof fs, name: keyof FileCalls) =>
      (...args: unknown[]) =>
        this.#call(name, args, target[name] as (...args: unknown[]) => unknown);
    this.calls = new Proxy(fs, { get } as ProxyHandler<typeof fs>);
  }

  /** Descriptors that the process has open. */
  get open(): number {
    return this.#open.size;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** As SIGKILL does: none of its calls does anything from now on. */
  end(): void {
    this.#alive = false;
    for (const fd of this.#open) fs.closeSync(fd);
    this.#open.clear();
  }

  #call(name: keyof FileCalls, args: unknown[], call: (...args: unknown[]) => unknown): unknown {
    if (!this.#alive) throw new Error(`${name}: its process has ended`);
    this.names.push(name);
    const end = () => this.end();
    return this.meddle({ name, args, end, proceed: () => this.#track(name, args, call(...args)) });
  }

  #track(name: keyof FileCalls, args: unknown[], result: unknown): unknown {
    if (name === 'openSync') this.#open.add(result as number);
    if (name === 'closeSync') this.#open.delete(args[0] as number);
    return result;
  }
}

/** A failed system call as Node throws it. */
export function systemCallError(errno: string, call: string): Error {
  return Object.assign(new Error(`${errno}: made to fail, ${call}`), { code: errno });
}

/** No room: a write takes the first half of its bytes, then nothing; no file can be made. */
export const full: Meddle = ({ name, args, proceed }) => {
  const makes = name === 'openSync' && ((args[1] as number) & fs.constants.O_CREAT) !== 0;
  if (makes || name === 'mkdirSync') throw systemCallError('ENOSPC', name);
  if (name !== 'writeSync') return proceed();
  const [fd, bytes, offset = 0] = args as [number, Buffer, number?];
  if (offset > 0) throw systemCallError('ENOSPC', name);
  return fs.writeSync(fd, bytes, 0, bytes.length >> 1);
};
