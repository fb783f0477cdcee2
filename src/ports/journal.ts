import type { JsonObject } from './json.js';

/** One change of what is on record: the key gets the value, or, without one, is erased. */
export interface JournalChange {
  readonly key: string;
  readonly value?: JsonObject;
}

/**
 * What outlives this process: records under keys. It survives the death of the process at any instant, not that of the
 * machine, after which the kernel has forgotten everything as well. Every call is short and synchronous: a record is
 * part of the step that it stands for.
 */
export interface Journal {
  /** What is on record now, each key where it was first written. */
  records(): ReadonlyMap<string, JsonObject>;
  /**
   * Makes the changes, all or none; they are on record when it returns.
   *
   * @throws ForwarderError `exhausted` when they cannot be written (disk full, folder read-only): nothing has changed
   */
  write(changes: readonly JournalChange[]): void;
  /**
   * The same for what has happened already and cannot be refused any more, such as a step that was undone. What cannot
   * be written now counts for {@link records} at once, and is written before anything else is.
   *
   * @param when - `soon`: written with whatever is written next, at the end of this turn of the event loop at the
   *   latest; for what a start finds out by itself
   */
  note(changes: readonly JournalChange[], when?: 'now' | 'soon'): void;
}
