/** A signal that fires at a point in time, or earlier with one of its parents; disposing it frees its timer and listeners. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/** Time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds of a monotonic clock; only differences mean anything. */
  now(): number;
  /** Milliseconds since the epoch, as peers and certificates count. */
  wallTime(): number;
  /**
   * Resolves after `ms` milliseconds.
   *
   * @throws ForwarderError `cancelled` when the signal fires first
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls back once, after `ms` milliseconds, unless it is disposed first: for what is mostly taken back. */
  alarm(ms: number, ring: () => void): Disposable;
  /**
   * A signal that aborts with a ForwarderError `timed-out` (message: "`what` took longer than `ms` ms") after `ms`, or
   * with the parent's reason when a parent aborts first.
   */
  deadline(what: string, ms: number, ...parents: AbortSignal[]): Deadline;
}
