import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlink } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** What a program writes to its standard output. @throws Error with all it said when it fails */
export async function output(program: string, ...args: readonly string[]): Promise<string> {
  return (await execute(program, args)).stdout;
}

/** Looks until the condition holds; mocha's time limit is the only one. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(20);
}

/** A pod's network namespace: it lives as long as the process in it, or as long as somebody else holds it. */
export interface Pod extends AsyncDisposable {
  /** Opens the namespace while its process lives. */
  readonly path: string;
  /** Runs a program inside, as the pod would. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** Resolves when the link carries. */
  carries(link: string): Promise<void>;
  /** True when the address answers within the seconds; the first packets of a link that has just come up may be lost. */
  reaches(address: string, seconds: number): Promise<boolean>;
  /** Ends the process. */
  die(): Promise<void>;
}

/** Starts a process in a fresh network namespace. */
export async function startPod(): Promise<Pod> {
  const holder = spawn('unshare', ['-n', 'sleep', 'infinity'], { stdio: 'ignore' });
  await once(holder, 'spawn');
  const path = `/proc/${holder.pid}/ns/net`;
  const home = await readlink('/proc/self/ns/net');
  await until(async () => (await readlink(path)) !== home);
  const run = (program: string, ...args: readonly string[]) =>
    output('nsenter', '-t', String(holder.pid), '-n', program, ...args);
  const die = async () => {
    if (holder.exitCode !== null || holder.signalCode !== null) return;
    const ended = once(holder, 'exit');
    holder.kill('SIGKILL');
    await ended;
  };
  return {
    path,
    run,
    carries: (link) => until(async () => (await run('ip', '-br', 'link', 'show', 'dev', link)).includes('LOWER_UP')),
    reaches: (address, seconds) =>
      run('ping', '-q', '-c', '1', '-i', '0.2', '-w', String(seconds), '--', address).then(
        () => true,
        () => false,
      ),
    die,
    [Symbol.asyncDispose]: die,
  };
}
