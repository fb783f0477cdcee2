import { setMaxListeners } from 'node:events';
import { toForwarderError } from '../ports/error.js';

/** How long a job holds the kernel's RTNL lock: some µs, or the 10-20 ms that moving a netdev takes. */
export type JobWeight = 'short' | 'move';

/** How many jobs are in the kernel at once: one works, one waits at the lock so that it never lies idle between them. */
const slots = 2;

/**
 * The queue of everything that needs the RTNL lock, shared by all namespaces. The lock makes the kernel serial, while
 * each job waiting there costs one of the four threads that files need as well; so few jobs wait in the kernel and all
 * others here. Short jobs go before moves; within each the order is kept.
 */
export class RtnlLane {
  /** Sets keep the order of insertion and forget a cancelled job at no cost. */
  readonly #waiting: Record<JobWeight, Set<() => void>> = { short: new Set(), move: new Set() };
  #running = 0;
  /** Jobs in the kernel whose callers have left. */
  #abandoned = 0;

  /**
   * Runs a job when its turn comes. The signal takes a waiting job out at once; a job already in the kernel cannot be
   * stopped: its caller gets the signal's reason, and no other job begins before the kernel has returned. What is sent
   * next may well be what undoes it, and must not overtake it.
   *
   * @throws ForwarderError the signal's reason, or whatever the job throws
   */
  run<T>(weight: JobWeight, signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    if (signal.aborted) return Promise.reject(toForwarderError(signal.reason));
    return new Promise<T>((resolve, reject) => {
      let abandoned = 0;
      const leave = () => {
        if (!this.#waiting[weight].delete(start)) {
          abandoned = 1;
          this.#abandoned += 1;
        }
        reject(toForwarderError(signal.reason));
      };
      const start = () => {
        void job()
          .then(resolve, reject)
          .finally(() => {
            signal.removeEventListener('abort', leave);
            this.#abandoned -= abandoned;
            this.#running -= 1;
            this.#fill();
          });
      };
      // Any number of jobs may wait under one signal; each takes its listener away again.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting[weight].add(start);
      this.#fill();
    });
  }

  #fill(): void {
    while (this.#running < slots && this.#abandoned === 0) {
      const queue = this.#waiting.short.size > 0 ? this.#waiting.short : this.#waiting.move;
      const [next] = queue;
      if (next === undefined) return;
      queue.delete(next);
      this.#running += 1;
      next();
    }
  }
}
