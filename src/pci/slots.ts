/** A number of places; whoever finds none waits in line. */
export class Slots {
  readonly #waiting = new Set<() => void>();
  readonly #count: number;
  #free: number;

  constructor(count: number) {
    this.#count = count;
    this.#free = count;
  }

  /** True when nobody holds a place. */
  get unused(): boolean {
    return this.#free === this.#count;
  }

  /** Takes a place, given back by disposing what it returns. @throws the signal's reason; the line is left then */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free === 0) await this.#turn(signal);
    else this.#free -= 1;
    return { [Symbol.dispose]: () => this.#giveBack() };
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(enter);
        reject(signal.reason as Error);
      };
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      this.#waiting.add(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #giveBack(): void {
    const next = this.#waiting.values().next();
    if (next.done) this.#free += 1;
    else {
      // The place goes straight from hand to hand, so that nobody overtakes the line.
      this.#waiting.delete(next.value);
      next.value();
    }
  }
}
