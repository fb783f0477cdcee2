import type { Clock, Deadline } from '../ports/clock.js';
import { alarm, deadline, sleep } from './timed-waits.js';

/** The longest wait of one node timer; it takes a longer one for 1 ms. */
const longestTimer = 2 ** 31 - 1;

/**
 * The machine's time. A pending wait keeps the process alive, as a wait that nobody gave up should; it ends with its
 * signal, a deadline with its disposal. An infinite deadline never passes.
 */
export class SystemClock implements Clock {
  now(): number {
    return performance.now();
  }

  wallTime(): number {
    return Date.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleep(arm, ms, signal);
  }

  alarm(ms: number, ring: () => void): Disposable {
    return alarm(arm, ms, ring);
  }

  deadline(what: string, ms: number, ...parents: AbortSignal[]): Deadline {
    return deadline(arm, { what, ms }, parents);
  }
}

function arm(ms: number, ring: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (left: number) => {
    timer =
      left > longestTimer
        ? setTimeout(() => wait(left - longestTimer), longestTimer)
        : setTimeout(ring, Math.max(0, left));
  };
  wait(ms);
  return () => clearTimeout(timer);
}
