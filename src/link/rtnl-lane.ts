import { setMaxListeners } from 'node:events';
import { toForwarderError } from '../ports/error.js';

/** How long a job holds the kernel's RTNL lock: some µs, or the 10-20 ms that moving a netdev takes. */
export type JobWeight = 'short' | 'move';

/** Moves in the kernel at once: one works, one waits at the lock so that it never lies idle between them. */
const mostMoves = 2;

/** Threads of the pool that are left to files. */
const threadsForFiles = 2;

/** The size of libuv's thread pool: 4 unless the environment says otherwise when the process starts. */
function poolThreads(): number {
  const configured = Number.parseInt(process.env['UV_THREADPOOL_SIZE'] ?? '', 10);
  return configured > 0 ? configured : 4;
}

/**
 * The queue of everything that needs the RTNL lock, shared by all namespaces. The lock makes the kernel serial, while
 * each job waiting there costs a thread of the pool, which files need as well; so some jobs wait in the kernel and all
 * others here. Short jobs go before moves; within each the order is kept.
 *
 * With more threads, short jobs of many clients wait beside a move instead of one after the other between moves.
 */
export class RtnlLane {
  /** Sets keep the order of insertion and forget a cancelled job at no cost. */
  readonly #waiting: Record<JobWeight, Set<() => void>> = { short: new Set(), move: new Set() };
  readonly #slots: number;
  readonly #running: Record<JobWeight, number> = { short: 0, move: 0 };
  /** Jobs in the kernel whose callers have left. */
  #abandoned = 0;

  /** @param threads - of the pool that runs the jobs */
  constructor(threads = poolThreads()) {
    this.#slots = Math.max(2, threads - threadsForFiles);
  }

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
            this.#running[weight] -= 1;
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
    while (this.#abandoned === 0) {
      const weight = this.#nextWeight();
      const [next] = weight === undefined ? [] : this.#waiting[weight];
      if (weight === undefined || next === undefined) return;
      this.#waiting[weight].delete(next);
      this.#running[weight] += 1;
      next();
    }
  }

  /** Which kind has its turn: with a slot to spare a short job, else a move; the lock must not lie idle for want of one. */
  #nextWeight(): JobWeight | undefined {
    const free = this.#slots - this.#running.short - this.#running.move;
    if (free <= 0) return undefined;
    const moveMayStart = this.#waiting.move.size > 0 && this.#running.move < mostMoves;
    if (this.#waiting.short.size > 0) return 'short';
    return moveMayStart ? 'move' : undefined;
  }
}
