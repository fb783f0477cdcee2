import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Deadline } from '../../src/ports/clock.js';
import { ForwarderError } from '../../src/ports/error.js';

/** The clock of this machine, for tests that wait for other processes. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  sleep: async (ms, signal) => {
    try {
      await pause(ms, undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      throw new ForwarderError('cancelled', 'the sleep was cut short', { cause });
    }
  },
  deadline,
};

function deadline(what: string, ms: number, ...parents: AbortSignal[]): Deadline {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new ForwarderError('timed-out', `${what} took longer than ${ms} ms`)), ms);
  return {
    signal: AbortSignal.any([late.signal, ...parents]),
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
