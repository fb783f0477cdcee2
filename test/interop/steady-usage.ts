import { setTimeout as pause } from 'node:timers/promises';
import type { DaemonProcess } from '../../simulation/daemon-process.js';

/** So many looks in a row with the same outcome count as steady. */
const looks = 10;
const pauseMs = 50;

/** The descriptors of a daemon that has nothing to do any more: looks until their number stays the same. */
export async function steadyDescriptors(daemon: DaemonProcess, signal: AbortSignal): Promise<readonly string[]> {
  let seen = daemon.usage().descriptors;
  for (let same = 0; same < looks; ) {
    await pause(pauseMs, undefined, { signal });
    const now = daemon.usage().descriptors;
    same = now.length === seen.length ? same + 1 : 0;
    seen = now;
  }
  return seen;
}

/** The median of a daemon's resident memory, MiB, while the work runs. */
export async function memoryDuring<T>(
  daemon: DaemonProcess,
  work: () => Promise<T>,
): Promise<{ readonly memory: number; readonly result: T }> {
  const samples = [daemon.usage().memory];
  const timer = setInterval(() => samples.push(daemon.usage().memory), 2 * pauseMs);
  try {
    const result = await work();
    return { memory: median(samples), result };
  } finally {
    clearInterval(timer);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
