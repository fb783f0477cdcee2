import { readdirSync, readlinkSync } from 'node:fs';
import { until } from './until.js';

/** What the open descriptors of this process refer to, except files: sockets, pipes, O_PATH references and so on. */
export function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target !== '' && !target.startsWith(`/proc/${process.pid}/fd`))
    .sort();
}

/** Resolves when no more descriptors are open than before. */
export async function noMoreThan(before: readonly string[]): Promise<void> {
  await until(
    () => openDescriptors().length <= before.length,
    () => `left open: ${left(before).join(', ')}`,
  );
}

function left(before: readonly string[]): string[] {
  const known = new Set(before);
  return openDescriptors().filter((target) => !known.has(target));
}
