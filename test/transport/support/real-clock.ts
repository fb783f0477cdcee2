import type { Clock, Deadline } from '../../../src/ports/clock.js';
import { ForwarderError } from '../../../src/ports/error.js';

/** Real time, shortened by a factor: a back-off of seconds passes in milliseconds. */
export function realClock(speed = 1): Clock {
  return {
    now: () => performance.now() * speed,
    wallTime: () => Date.now(),
    sleep: (ms, signal) => sleep(ms / speed, signal),
    deadline: (what, ms, ...parents) => deadline(`${what} took longer than ${ms} ms`, ms / speed, parents),
  };
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = () => {
      clearTimeout(timer);
      reject(new ForwarderError('cancelled', 'sleep was cancelled'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cancel);
      resolve();
    }, ms);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
  });
}

function deadline(message: string, ms: number, parents: AbortSignal[]): Deadline {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(new ForwarderError('timed-out', message)), ms);
  return { signal: AbortSignal.any([own.signal, ...parents]), [Symbol.dispose]: () => clearTimeout(timer) };
}
