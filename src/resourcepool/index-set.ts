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
    const top = this.#levels.length - 1;
    const word = this.#levels[top]?.[0] ?? 0;
    return word === 0 ? undefined : this.#down(top, lowestBit(word));
  }

  /** The least member that is `from` or more. */
  next(from: number): number | undefined {
    let index = from;
    for (const [level, words] of this.#levels.entries()) {
      const word = Math.floor(index / bitsPerWord);
      const left = (words[word] ?? 0) & (-1 << (index % bitsPerWord));
      // The bits below `index` are masked; in the levels above, the word that was just looked at is passed over.
      if (left !== 0) return this.#down(level, word * bitsPerWord + lowestBit(left));
      index = word + 1;
      if (index >= words.length) return undefined;
    }
    return undefined;
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

  /** The least member below a bit that is set in this level. */
  #down(level: number, bit: number): number {
    let index = bit;
    for (let below = level - 1; below >= 0; below--) {
      index = index * bitsPerWord + lowestBit(this.#levels[below]?.[index] ?? 0);
    }
    return index;
  }
}

function lowestBit(word: number): number {
  return bitsPerWord - 1 - Math.clz32(word & -word);
}
