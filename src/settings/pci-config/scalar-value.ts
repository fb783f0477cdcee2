import { isScalar } from 'yaml';
import type { Parsed } from '../parsed.js';
import { quoted } from '../quoted.js';
import type { ConfigValue, JsonSchema } from './config-value.js';

/** A single text, read by `parse`. */
export function scalar<T>(label: string, parse: (text: string) => Parsed<T>, schema: JsonSchema): ConfigValue<T> {
  return {
    label,
    schema,
    read({ node, name, at }, source) {
      if (node === undefined) return source.error(at, `${name} has an empty value: it must be a ${label}`);
      if (!isScalar(node)) return source.error(at, `${name} must be a ${label}, not a map or list`);
      const text = String(node.value);
      const parsed = parse(text);
      return parsed.ok ? parsed.value : source.error(at, `${name} ${quoted(text)}: ${parsed.rule}`);
    },
  };
}
