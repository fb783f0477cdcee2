import type { Clock } from '../../ports/clock.js';
import { toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Strays } from './strays.js';
import type { Keeper } from './take-over.js';

interface Parts {
  readonly keepers: readonly Keeper[];
  readonly strays: Strays;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const firstPauseMs = 1_000;

const strayPauseMs = 5_000;

/** How long one look at the whole node may take. */
const longestLookMs = 60_000;

/**
 * Looks at the node again and again, until the signal fires: whether every connection's VF is still as it was promised,
 * and whether every other VF is still free. Others may rebind drivers, take netdevs away or remove VFs at any time.
 *
 * @param intervalMs between two looks; the first ones come sooner: some netdevs appear a while after their VFs
 */
export async function auditForEver(parts: Parts, intervalMs: number): Promise<void> {
  const { clock, log, signal } = parts;
  for (let pause = Math.min(firstPauseMs, intervalMs); ; pause = nextPause(pause, parts, intervalMs)) {
    const slept = await clock.sleep(pause, signal).then(
      () => true,
      () => false,
    );
    if (!slept) return;
    try {
      using deadline = clock.deadline('looking at the node', longestLookMs, signal);
      await audit(parts, deadline.signal);
    } catch (thrown) {
      log.warn('the node could not be compared with what is on record', { reason: toForwarderError(thrown).message });
    }
  }
}

/** A VF that is kept back is looked at more often: somebody may wait for it. */
function nextPause(last: number, { strays }: Parts, intervalMs: number): number {
  const longest = strays.report().length > 0 ? Math.min(strayPauseMs, intervalMs) : intervalMs;
  return Math.min(last * 2, longest);
}

/** One look. */
async function audit({ keepers, strays }: Omit<Parts, 'clock'>, signal: AbortSignal): Promise<void> {
  for (const { connections, inspect } of keepers) await connections.inspect((held) => inspect(held, signal));
  await strays.survey(signal);
}
