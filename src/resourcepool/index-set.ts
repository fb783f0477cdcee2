const bitsPerWord = 32;

/**
 * A set of the integers from 0 to `capacity` - 1 that knows its least member: a bitmap, under bitmaps that tell which
 * words of the one below are not empty. Every operation touches one word per level, and there are log32(capacity).
 */
export class IndexSet {
  /** From the members up to a single word. */
  readonly #levels: readonly Uint32Array[];

  constructor(capacity: number) {
    const levels: Uint32Array[] = [];
    let size = capacity;
    do {
      size = Math.max(1, Math.ceil(size / bitsPerWord));
      levels.push(new Uint32Array(size));
    } while (size > 1);
    this.#levels = levels;
  }

  /** The least member. */
  get first(): number | undefined {
    let index = 0;
    for (let level = this.#levels.length - 1; level >= 0; level--) {
      const word = this.#levels[level]?.[index] ?? 0;
      if (word === 0) return undefined;
      index = index * bitsPerWord + lowestBit(word);
    }
    return index;
  }

  add(member: number): void {
    let index = member;
    for (const words of this.#levels) {
      const word = Math.floor(index / bitsPerWord);
      const before = words[word] ?? 0;
      words[word] = before | (1 << (index % bitsPerWord));
      if (before !== 0) return;
      index = word;
    }
  }

  delete(member: number): void {
    let index = member;
    for (const words of this.#levels) {
      const word = Math.floor(index / bitsPerWord);
      const after = (words[word] ?? 0) & ~(1 << (index % bitsPerWord));
      words[word] = after;
      if (after !== 0) return;
      index = word;
    }
  }
}

function lowestBit(word: number): number {
  return bitsPerWord - 1 - Math.clz32(word & -word);
}
