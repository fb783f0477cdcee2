import { isSeq, type Node } from 'yaml';
import { quoted } from '../quoted.js';
import type { ConfigValue } from './config-value.js';
import { FirstSeen } from './first-seen.js';

/** A list of at least one item. */
export function listOf<T>(item: ConfigValue<T>, label: string): ConfigValue<readonly T[]> {
  return {
    label,
    schema: { type: 'array', items: item.schema, minItems: 1, uniqueItems: true },
    read({ node, name, at }, source) {
      if (!isSeq(node)) return source.error(at, `${name} must be a ${label}`);
      const values = node.items.map((entry) => item.read(source.locate(entry as Node | null, name), source));
      const right = values.filter((value) => value !== undefined);
      return right.length === values.length ? right : undefined;
    },
  };
}

/** A list of at least one text, none of them twice. */
export function distinctListOf(item: ConfigValue<string>, label: string): ConfigValue<readonly string[]> {
  return {
    ...listOf(item, label),
    read(at, source) {
      const seen = new FirstSeen<string>(source);
      const isNew = (text: string, place: number): boolean =>
        seen.isNew(text, place, `${at.name} has ${quoted(text)} twice`);
      const newItem: ConfigValue<string> = {
        ...item,
        read(itemAt) {
          const text = item.read(itemAt, source);
          return text !== undefined && isNew(text, itemAt.at) ? text : undefined;
        },
      };
      return listOf(newItem, label).read(at, source);
    },
  };
}
