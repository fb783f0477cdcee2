import { alarm, deadline, sleep } from '../../src/clock/timed-waits.js';
import type { Clock } from '../../src/ports/clock.js';

/** The clock on the wall, on which waits pass faster by a factor: a back-off of seconds takes milliseconds. */
export function realClock(speed = 1): Clock {
  const arm = (ms: number, ring: () => void) => {
    const timer = setTimeout(ring, ms / speed);
    return () => clearTimeout(timer);
  };
  return {
    now: () => performance.now() * speed,
    wallTime: () => Date.now(),
    sleep: (ms, signal) => sleep(arm, ms, signal),
    alarm: (ms, ring) => alarm(arm, ms, ring),
    deadline: (what, ms, ...parents) => deadline(arm, { what, ms }, parents),
  };
}
