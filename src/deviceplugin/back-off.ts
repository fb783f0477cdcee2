/** Waiting times that double from `first` to `longest` milliseconds, and start again after {@link BackOff.reset}. */
export class BackOff {
  readonly #first: number;
  readonly #longest: number;
  #next: number;

  constructor(first: number, longest: number) {
    this.#first = first;
    this.#longest = longest;
    this.#next = first;
  }

  /** How long to wait now, in milliseconds. */
  next(): number {
    const wait = this.#next;
    this.#next = Math.min(wait * 2, this.#longest);
    return wait;
  }

  reset(): void {
    this.#next = this.#first;
  }
}
