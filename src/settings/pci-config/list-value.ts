import { isSeq, type Node } from 'yaml';
import { quoted } from '../quoted.js';
import type { ConfigValue } from './config-value.js';
import { FirstSeen } from './first-seen.js';

/** How the items of a list are told apart: no two may have the same identity. */
export type Identity<T> = (item: T) => string;

/** A list of at least one item, none of them twice. */
export function listOf<T>(item: ConfigValue<T>, label: string, identity: Identity<T>): ConfigValue<readonly T[]> {
  return {
    label,
    schema: { type: 'array', items: item.schema, minItems: 1, uniqueItems: true },
    read({ node, name, at }, source) {
      if (!isSeq(node)) return source.error(at, `${name} must be a ${label}`);
      const seen = new FirstSeen<string>(source);
      const values = node.items.map((entry) => {
        const located = source.locate(entry as Node | null, name);
        const value = item.read(located, source);
        if (value === undefined) return undefined;
        const twice = `${name} has ${quoted(identity(value))} twice`;
        return seen.isNew(identity(value), located.at, twice) ? value : undefined;
      });
      const right = values.filter((value) => value !== undefined);
      return right.length === values.length ? right : undefined;
    },
  };
}
