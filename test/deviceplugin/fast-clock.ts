import { performance } from 'node:perf_hooks';
import type { Clock, Deadline } from '../../src/ports/clock.js';
import { ForwarderError } from '../../src/ports/error.js';

/** A clock that runs faster than the one on the wall, twenty-five times unless told, so that tests meet the real waiting times. */
export class FastClock implements Clock {
  readonly #speed: number;

  constructor(speed = 25) {
    this.#speed = speed;
  }

  now(): number {
    return performance.now() * this.#speed;
  }

  wallTime(): number {
    return Date.now();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelled = () => {
        clearTimeout(timer);
        reject(new ForwarderError('cancelled', 'sleep was cancelled'));
      };
      if (signal?.aborted) {
        reject(new ForwarderError('cancelled', 'sleep was cancelled'));
        return;
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', cancelled);
        resolve();
      }, ms / this.#speed);
      signal?.addEventListener('abort', cancelled, { once: true });
    });
  }

  deadline(what: string, ms: number, ...parents: AbortSignal[]): Deadline {
    const own = new AbortController();
    const passed = () => own.abort(new ForwarderError('timed-out', `${what} took longer than ${ms} ms`));
    const timer = setTimeout(passed, ms / this.#speed);
    const signal = AbortSignal.any([own.signal, ...parents]);
    return { signal, [Symbol.dispose]: () => clearTimeout(timer) };
  }
}
