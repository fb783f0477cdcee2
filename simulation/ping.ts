import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import { runInside } from './network/run-inside.js';

/** True when a program of this name is installed. */
export function isInstalled(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Sends an echo request from inside a namespace until one is answered, a few seconds long at most.
 *
 * @returns the answer as `ping` words it
 * @throws Error when none came
 */
export async function ping(namespace: NamespaceFile, address: string, signal: AbortSignal): Promise<string> {
  const ending = await runInside(namespace, ['ping', '-n', '-c', '1', '-w', '5', '-i', '0.2', address], { signal });
  const answer = ending.output.split('\n').find((line) => line.includes('bytes from'));
  if (ending.status === 0 && answer !== undefined) return answer.trim();
  throw new Error(`no answer from ${address}: ${(ending.errors || ending.output).trim()}`);
}
