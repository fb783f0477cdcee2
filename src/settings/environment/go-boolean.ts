import { broken, type Parsed, valid } from '../parsed.js';

const yes = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const no = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** Reads a boolean in the spellings of Go's `strconv.ParseBool`. */
export function parseGoBoolean(text: string): Parsed<boolean> {
  if (yes.includes(text)) return valid(true);
  if (no.includes(text)) return valid(false);
  return broken(`must be one of ${yes.join(', ')} or ${no.join(', ')}`);
}
