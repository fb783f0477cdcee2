import { isMap, type Node } from 'yaml';
import { type ConfigSource, keyText, type Located } from './config-source.js';
import type { ConfigValue, JsonSchema } from './config-value.js';
import { FirstSeen } from './first-seen.js';

/** A key of a record: its type and a sentence about it. */
interface ConfigKey<T> {
  readonly value: ConfigValue<NonNullable<T>>;
  readonly required: boolean;
  readonly meaning: string;
  /** A warning for a key that is missing or empty, beginning with what follows from that. */
  readonly whenAbsent?: string;
}

export type ConfigKeys = Readonly<Record<string, ConfigKey<unknown>>>;

/** The plain object that a table of keys describes; optional keys are undefined when absent. */
export type RecordOf<Keys extends ConfigKeys> = {
  readonly [Name in keyof Keys]: Keys[Name] extends ConfigKey<infer T> ? T : never;
};

export function required<T>(value: ConfigValue<T>, meaning: string): ConfigKey<T> {
  return { value: value as ConfigValue<NonNullable<T>>, required: true, meaning };
}

export function optional<T>(value: ConfigValue<T>, meaning: string, whenAbsent?: string): ConfigKey<T | undefined> {
  const key = { value: value as ConfigValue<NonNullable<T>>, required: false, meaning };
  return whenAbsent === undefined ? key : { ...key, whenAbsent };
}

function schemaOf(keys: ConfigKeys): JsonSchema {
  const entries = Object.entries(keys);
  const needed = entries.filter(([, key]) => key.required).map(([name]) => name);
  return {
    type: 'object',
    additionalProperties: false,
    ...(needed.length === 0 ? {} : { required: needed }),
    properties: Object.fromEntries(
      entries.map(([name, { value, meaning }]) => [name, { description: meaning, ...value.schema }]),
    ),
  };
}

/** The values of a map by the keys they mean; keys that are unknown or come twice are reported. */
function locateKeys({ node, name }: Located, keys: ConfigKeys, source: ConfigSource): ReadonlyMap<string, Located> {
  const found = new Map<string, Located>();
  const seen = new FirstSeen<string>(source);
  for (const { key, value } of isMap<Node, Node | null>(node) ? node.items : []) {
    const at = key.range?.[0] ?? 0;
    const match = source.matchKey(keyText(key), Object.keys(keys), at);
    if (match === undefined) continue;
    if (seen.isNew(match, at, `${name} has ${match} twice`)) found.set(match, source.locate(value, match, at));
  }
  return found;
}

function readKey(
  { name, ownerAt }: Located,
  [keyName, key]: readonly [string, ConfigKey<unknown>],
  { found, source }: { readonly found: Located | undefined; readonly source: ConfigSource },
): unknown {
  if (found?.node !== undefined) return key.value.read(found, source);
  const at = found?.ownerAt ?? ownerAt;
  const absent = found === undefined ? `${name} has no ${keyName}` : `${keyName} is empty`;
  if (key.required) return source.error(at, `${absent}: it needs a ${key.value.label}`);
  if (key.whenAbsent !== undefined) source.warn(at, `${absent}: ${key.whenAbsent}`);
  else if (found !== undefined) source.warn(at, `${absent} and ignored`);
  return undefined;
}

/** A map with a fixed set of keys. Nothing at all is a map without keys. */
export function record<Keys extends ConfigKeys>(keys: Keys): ConfigValue<RecordOf<Keys>> {
  return {
    label: 'map',
    schema: schemaOf(keys),
    read(at, source) {
      if (at.node !== undefined && !isMap(at.node)) {
        return source.error(at.at, `${at.name} must be a map with the keys ${Object.keys(keys).join(', ')}`);
      }
      const located = locateKeys(at, keys, source);
      const entries = Object.entries(keys).map((entry) => {
        const value = readKey(at, entry, { found: located.get(entry[0]), source });
        return { name: entry[0], value, lacking: entry[1].required && value === undefined };
      });
      if (entries.some(({ lacking }) => lacking)) return undefined;
      return Object.fromEntries(entries.map(({ name, value }) => [name, value])) as RecordOf<Keys>;
    },
  };
}
