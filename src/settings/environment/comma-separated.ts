import { allValid, broken, type Parsed, valid } from '../parsed.js';
import { quoted } from '../quoted.js';

/** Reads `a,b,c`; blanks around an item do not count. The empty text is the empty list; an empty item is wrong. */
export function parseCommaList(text: string): Parsed<readonly string[]> {
  if (text.trim() === '') return valid([]);
  const items = text.split(',').map((item) => item.trim());
  return items.includes('') ? broken('must be a list a,b,c without empty items') : valid(items);
}

/** Reads a comma list of at least one item, none of them twice. */
export function parseDistinctNames(text: string): Parsed<readonly string[]> {
  const list = parseCommaList(text);
  if (!list.ok) return list;
  if (list.value.length === 0) return broken('must not be empty');
  const again = list.value.find((item, index) => list.value.indexOf(item) !== index);
  return again === undefined ? list : broken(`names ${quoted(again)} twice`);
}

function parsePair(item: string): Parsed<readonly [string, string]> {
  const [key = '', value, ...rest] = item.split(':').map((part) => part.trim());
  if (key === '' || value === undefined || rest.length > 0) {
    return broken(`must be a map k:v,k:v and ${quoted(item)} is no k:v`);
  }
  return valid([key, value]);
}

/** Reads `k:v,k:v`; a value may be empty, a key may not and stands only once. The empty text is the empty map. */
export function parseCommaMap(text: string): Parsed<Readonly<Record<string, string>>> {
  if (text.trim() === '') return valid({});
  const pairs = allValid(text.split(',').map(parsePair));
  if (!pairs.ok) return pairs;
  const keys = pairs.value.map(([key]) => key);
  const again = keys.find((key, index) => keys.indexOf(key) !== index);
  return again === undefined ? valid(Object.fromEntries(pairs.value)) : broken(`has the key ${quoted(again)} twice`);
}
