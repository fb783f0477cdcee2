import type { JournalChange } from '../ports/journal.js';
import type { JsonObject } from '../ports/json.js';
import type { LostKeys } from './history.js';

/** What a journal holds: its records, and the keys of which it knows that their last change is lost. */
export class Contents {
  readonly records = new Map<string, JsonObject>();
  readonly lost: Map<string, JsonObject | undefined>;

  constructor(lost: LostKeys = new Map()) {
    this.lost = new Map(lost);
  }

  /** Makes the changes in order. A key that is written is lost no more. */
  apply(changes: readonly JournalChange[]): void {
    for (const { key, value } of changes) {
      this.lost.delete(key);
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value);
    }
  }

  /** What they would be with these changes. */
  with(changes: readonly JournalChange[]): Contents {
    const copy = new Contents(this.lost);
    for (const [key, value] of this.records) copy.records.set(key, value);
    copy.apply(changes);
    return copy;
  }

  /** A change of these keys cannot be read: whatever they are now, it is not what they were. */
  lose(keys: readonly string[]): void {
    for (const key of keys) {
      this.lost.set(key, this.records.get(key) ?? this.lost.get(key));
      this.records.delete(key);
    }
  }
}
