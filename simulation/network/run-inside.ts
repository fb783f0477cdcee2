import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { insideNetworkNamespace, type NamespaceFile } from '../../src/native/network-namespace.js';

/** A program as it ended. */
export interface Ending {
  /** -1 after a signal. */
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** Starts a program with this network namespace as its own: a child begins where the thread is that starts it. */
export function spawnInside(
  namespace: NamespaceFile,
  [program, ...args]: readonly [string, ...string[]],
  options: SpawnOptions,
): ChildProcess {
  return insideNetworkNamespace(namespace, () => spawn(program, args, options));
}

/** Runs a program to its end; the signal kills it. */
export async function runInside(
  namespace: NamespaceFile,
  command: readonly [string, ...string[]],
  { input = '', signal }: { readonly input?: string; readonly signal: AbortSignal },
): Promise<Ending> {
  const child = spawnInside(namespace, command, { stdio: 'pipe', signal, killSignal: 'SIGKILL' });
  const texts = { output: '', errors: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (texts.output += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (texts.errors += text));
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ status: code ?? -1, ...texts }));
  });
}
