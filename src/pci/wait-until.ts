import type { Clock } from '../ports/clock.js';
import { abandoned } from './abandoned.js';

/** What is waited for, in words that fit after "while", and how to see whether it is there. */
export interface Awaited {
  readonly step: string;
  readonly met: () => Promise<boolean>;
}

const firstPause = 2;
const longestPause = 100;

/**
 * Looks until the condition is met, at first at once and then less and less often: the kernel changes the tree before
 * a write returns with most drivers, but from a work item later with some (iavf).
 *
 * @throws ForwarderError of the signal's kind, naming the step
 */
export async function waitUntil(awaited: Awaited, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let pause = firstPause; !(await awaited.met()); pause = Math.min(pause * 2, longestPause)) {
    try {
      await clock.sleep(pause, signal);
    } catch (error) {
      throw signal.aborted ? abandoned(awaited.step, signal) : error;
    }
  }
}
