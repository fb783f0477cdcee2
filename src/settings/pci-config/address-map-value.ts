import { isMap, type Node, type Pair } from 'yaml';
import { comparePciAddress, type PciAddress } from '../../ports/pci-address.js';
import { quoted } from '../quoted.js';
import { addressPattern, parseAddress } from './address-value.js';
import { type ConfigSource, keyText } from './config-source.js';
import type { ConfigValue } from './config-value.js';

/** A value under the PCI address that is its key. */
export interface Addressed<T> {
  readonly address: PciAddress;
  readonly value: T;
  /** `file:line:column` of the key. */
  readonly where: string;
}

function readAddress(key: Node, source: ConfigSource): PciAddress | undefined {
  const text = keyText(key);
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.value : source.error(key.range?.[0] ?? 0, `${quoted(text)}: ${parsed.rule}`);
}

function readEntry<T>(
  { key, value: entry }: Pair<Node, Node | null>,
  item: ConfigValue<T>,
  source: ConfigSource,
): Addressed<T> | undefined {
  const keyAt = key.range?.[0] ?? 0;
  const address = readAddress(key, source);
  const isNew = address !== undefined && source.isNewFunction(address, keyAt);
  const value = item.read(source.locate(entry, address ?? keyText(key), keyAt), source);
  return isNew && value !== undefined ? { address, value, where: source.place(keyAt) } : undefined;
}

/** A map from PCI addresses to values, read as a list sorted by address; no two keys may mean the same function. */
export function addressMap<T>(item: ConfigValue<T>): ConfigValue<readonly Addressed<T>[]> {
  return {
    label: 'map of PCI addresses',
    schema: { type: ['object', 'null'], propertyNames: { pattern: addressPattern }, additionalProperties: item.schema },
    read({ node, name, at }, source) {
      if (!isMap<Node, Node | null>(node)) return source.error(at, `${name} must be a map of PCI addresses`);
      return node.items
        .map((pair) => readEntry(pair, item, source))
        .filter((entry) => entry !== undefined)
        .sort((a, b) => comparePciAddress(a.address, b.address));
    },
  };
}
