import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import { hasFired } from '../ports/has-fired.js';
import type { Log } from '../ports/log.js';
import type { PodResources } from './pod-resources.js';

/** What the look at kubelet's counts works with. */
export interface CountedTokensParts {
  readonly podResources: Pick<PodResources, 'allocatable'>;
  /** Gets what kubelet says can be allocated, by resource name. */
  readonly onCounted: (counted: ReadonlyMap<string, ReadonlySet<string>>) => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds from one question to the next. */
  readonly pollInterval: number;
}

/**
 * Asks kubelet again and again what can be allocated, by its own account, until the signal aborts; never rejects. A
 * kubelet that cannot say is asked on: the next one may. That it cannot is said once.
 */
export async function watchCountedTokens(parts: CountedTokensParts, signal: AbortSignal): Promise<void> {
  const { podResources, onCounted, clock, log, pollInterval } = parts;
  let failing = false;
  while (!signal.aborted) {
    await clock.sleep(pollInterval, signal).catch(() => undefined);
    if (hasFired(signal)) return;
    try {
      onCounted(await podResources.allocatable(signal));
      failing = false;
    } catch (thrown) {
      const error = toForwarderError(thrown);
      if (!failing) log.debug('kubelet does not say what can be allocated', { reason: error.message });
      failing = true;
    }
  }
}
