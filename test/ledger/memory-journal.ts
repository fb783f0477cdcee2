import type { Journal } from '../../src/ports/journal.js';
import type { JsonObject } from '../../src/ports/json.js';

/** A journal that lasts as long as the test. */
export function memoryJournal(): Journal {
  const records = new Map<string, JsonObject>();
  const write: Journal['write'] = (changes) => {
    for (const { key, value } of changes) {
      if (value === undefined) records.delete(key);
      else records.set(key, JSON.parse(JSON.stringify(value)) as JsonObject);
    }
  };
  return { records: () => records, write, note: write };
}
