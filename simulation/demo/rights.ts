import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ForwarderError } from '../../src/ports/error.js';
import { freshNamespace } from '../network/fresh-namespace.js';

const marker = 'DEMO_IN_USER_NAMESPACE';

/** What this process may do with network namespaces. */
export type Rights = 'all' | 'in a user namespace' | 'none';

/** Tries it out: being root says little inside containers. */
export function rights(): Rights {
  if (!canMakeNamespaces()) return 'none';
  return process.env[marker] === undefined ? 'all' : 'in a user namespace';
}

/**
 * Runs this program once more as root of a user namespace, where the kernel lets anybody make network namespaces.
 *
 * @returns its exit status; undefined when the kernel does not allow it here, or when this is that second run already
 */
export async function againInUserNamespace(): Promise<number | undefined> {
  if (process.env[marker] !== undefined) return undefined;
  if ((await run(['unshare', ...userNamespace, 'true'], 'ignore')) !== 0) return undefined;
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  return run(['unshare', ...userNamespace, ...self], 'inherit');
}

const userNamespace = ['--user', '--map-root-user', '--net'];

function canMakeNamespaces(): boolean {
  try {
    freshNamespace()[Symbol.dispose]();
    return true;
  } catch (thrown) {
    if (thrown instanceof ForwarderError) return false;
    throw thrown;
  }
}

/** The child is in our process group; signals that are sent to us alone are passed on. */
function run(command: readonly string[], stdio: 'ignore' | 'inherit'): Promise<number> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio, env: { ...process.env, [marker]: '1' } });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const pass = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of signals) process.on(signal, pass);
  return new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  }).finally(() => {
    for (const signal of signals) process.off(signal, pass);
  });
}
