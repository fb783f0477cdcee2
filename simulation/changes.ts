/** Things that are told to whoever follows them. */
export class Changes<T> {
  readonly #followers = new Set<(change: T) => void>();

  publish(change: T): void {
    for (const tell of [...this.#followers]) tell(change);
  }

  /** Changes from now on, kept until they are read. */
  follow(): Following<T> {
    return new Following((tell) => {
      this.#followers.add(tell);
      return () => void this.#followers.delete(tell);
    });
  }

  /** Resolves when the condition holds; it is looked at now and after every change. Rejects with the signal's reason. */
  async until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    using changes = this.follow();
    if (condition()) return;
    for await (const _ of changes.until(signal)) if (condition()) return;
    throw signal.reason;
  }
}

/** One follower's changes. */
export class Following<T> implements Disposable {
  readonly #kept: T[] = [];
  readonly #leave: () => void;
  #wake: () => void = () => undefined;

  constructor(join: (tell: (change: T) => void) => () => void) {
    this.#leave = join((change) => {
      this.#kept.push(change);
      this.#wake();
    });
  }

  /** Every change until the signal fires, those that came before it included. */
  async *until(signal: AbortSignal): AsyncGenerator<T> {
    const stop = () => this.#wake();
    signal.addEventListener('abort', stop, { once: true });
    try {
      for (;;) {
        // A change may well be undefined: the length tells.
        while (this.#kept.length > 0) yield this.#kept.shift() as T;
        if (signal.aborted) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  [Symbol.dispose](): void {
    this.#leave();
  }
}
