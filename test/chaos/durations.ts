/** How long something took, many times over. */
export class Durations {
  readonly #all: number[] = [];

  add(ms: number): void {
    this.#all.push(ms);
  }

  get count(): number {
    return this.#all.length;
  }

  /** The value that this part of all do not exceed (nearest rank), ms; undefined when there are none. */
  quantile(part: number): number | undefined {
    const sorted = [...this.#all].sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
  }

  toString(): string {
    const [half, most, all] = [0.5, 0.99, 1].map((part) => Math.round(this.quantile(part) ?? Number.NaN));
    return `p50 ${half} ms, p99 ${most} ms, longest ${all} ms, of ${this.count}`;
  }
}
