import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Clock } from '../ports/clock.js';
import { hasFired } from '../ports/has-fired.js';
import { ConfigFollower, type ConfigFollowerParts } from './config-follower.js';

/** How often is looked without an event: `fs.watch` goes blind when a mounted folder is replaced, and sysfs tells nothing. */
const pollMs = 5_000;

/** The link in a mounted ConfigMap's folder that leads to what it says now. */
const configMapLink = '..data';

/** Whoever writes a file, or swaps the links of a ConfigMap, may need more than one step. */
const settleMs = 100;

/**
 * Follows `pci.config` and the number of VFs until the signal fires; never rejects. The folder is watched, not the file:
 * a ConfigMap changes by a new link beside it, and editors put a new file in the place of the old one. What else happens
 * in the folder is nobody's concern: others may keep files there that change all the time.
 */
export async function followConfig(
  parts: ConfigFollowerParts & { readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { file, clock, log } = parts;
  const follower = new ConfigFollower(parts);
  let event = new AbortController();
  try {
    const blind = (error: unknown) =>
      log.warn('cannot watch the configuration, polling it only', { reason: String(error) });
    const onEvent = (_: string, name: string | null) => {
      if (name === null || name === basename(file) || name === configMapLink) event.abort();
    };
    watch(dirname(file), { signal }, onEvent).on('error', blind);
  } catch (thrown) {
    log.warn('cannot watch the configuration, polling it only', { reason: String(thrown) });
  }
  for (;;) {
    await clock.sleep(pollMs, AbortSignal.any([signal, event.signal])).catch(() => undefined);
    const told = event.signal.aborted;
    if (told) await clock.sleep(settleMs, signal).catch(() => undefined);
    if (hasFired(signal)) return;
    event = new AbortController();
    await (told ? follower.lookAtFile(signal) : follower.look(signal));
  }
}
