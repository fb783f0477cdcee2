import { isAlias, isCollection, isScalar, type LineCounter, type Node, type ParsedNode } from 'yaml';
import type { PciAddress } from '../../ports/pci-address.js';
import { didYouMean } from '../nearest-name.js';
import { quoted } from '../quoted.js';
import { FirstSeen } from './first-seen.js';

/** A value of the file with its place: offsets count from the start of the text. */
export interface Located {
  /** The value; undefined where the file has none or a YAML null, or an empty map or list. */
  readonly node: Node | undefined;
  /** What people call it: the key it belongs to. */
  readonly name: string;
  readonly at: number;
  /** Where the key that owns the value begins: what is missing from the value is reported there. */
  readonly ownerAt: number;
}

/** A key as text, also when the file has a list or a map where a text belongs. */
export function keyText(key: Node): string {
  return isScalar(key) ? String(key.value) : String(key);
}

const plainNull = /^(?:~|null|Null|NULL)?$/;

function isEmpty(node: Node): boolean {
  if (isCollection(node)) return node.items.length === 0;
  return isScalar(node) && node.type === 'PLAIN' && plainNull.test(String(node.value));
}

/** How many problems a message lists; a file of another kind altogether could have a hundred thousand. */
const mostListed = 100;

interface Problem {
  readonly at: number;
  readonly text: string;
}

/** One file while it is read: finds the places of values in it and collects everything that is wrong with it. */
export class ConfigSource {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #resolve: (alias: Node) => Node | undefined;
  readonly #functions = new FirstSeen<PciAddress>(this);
  readonly #errors: Problem[] = [];
  readonly #warnings: Problem[] = [];

  constructor(file: string, lines: LineCounter, resolve: (alias: Node) => Node | undefined) {
    this.#file = file;
    this.#lines = lines;
    this.#resolve = resolve;
  }

  /** `file:line:column`, lines and columns from 1. */
  place(at: number): string {
    const { line, col } = this.#lines.linePos(at);
    return `${this.#file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  error(at: number, text: string): undefined {
    this.#errors.push({ at, text });
    return undefined;
  }

  warn(at: number, text: string): void {
    this.#warnings.push({ at, text });
  }

  get failed(): boolean {
    return this.#errors.length > 0;
  }

  /** All errors in the order of the file, one line each. */
  get errors(): readonly string[] {
    return this.#listed(this.#errors);
  }

  get warnings(): readonly string[] {
    return this.#listed(this.#warnings);
  }

  /** The value behind a node of the document, aliases resolved. `ownerAt` without a key is the value's own place. */
  locate(node: ParsedNode | Node | null, name: string, ownerAt?: number): Located {
    const at = node?.range?.[0] ?? ownerAt ?? 0;
    const value = isAlias(node) ? this.#resolve(node) : (node ?? undefined);
    if (isAlias(node) && value === undefined) this.error(at, `${name}: the alias *${node.source} has no anchor`);
    return { node: value === undefined || isEmpty(value) ? undefined : value, name, at, ownerAt: ownerAt ?? at };
  }

  /**
   * True for a function that the file names for the first time; any other is an error. A function is one PF or one VF
   * of one PF: what stands in two places would be given out twice.
   */
  isNewFunction(address: PciAddress, at: number): boolean {
    return this.#functions.isNew(address, at, `${address} is listed twice`);
  }

  /** Which of the known keys a key of the file means: letter case does not count but is warned of. */
  matchKey(key: string, known: readonly string[], at: number): string | undefined {
    const match = known.find((name) => name.toLowerCase() === key.toLowerCase());
    if (match === undefined) {
      return this.error(at, `${quoted(key)} is not a key here${didYouMean(key, known)}`);
    }
    if (match !== key) this.warn(at, `${quoted(key)} is read as ${match}: write it so`);
    return match;
  }

  #listed(problems: readonly Problem[]): readonly string[] {
    const ordered = [...problems].sort((a, b) => a.at - b.at);
    // Behind an anchor the same problem is met once for each alias.
    const sorted = [...new Set(ordered.map(({ at, text }) => `${this.place(at)}: ${text}`))];
    if (sorted.length <= mostListed) return sorted;
    return [...sorted.slice(0, mostListed), `and ${sorted.length - mostListed} more`];
  }
}
