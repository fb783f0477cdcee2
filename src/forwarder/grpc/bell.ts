/** Something that happens again and again. What rings while nobody waits is heard by the next one who does. */
export class Bell {
  #rung = false;
  #heard: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#heard?.();
  }

  /** Resolves when it rings, at once if it has since the last time. One waits at a time. */
  async rings(): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
    this.#heard = undefined;
    this.#rung = false;
  }

  /** Rings when one of the signals fires, until disposed. */
  ringOn(signals: readonly AbortSignal[]): Disposable {
    const ring = () => this.ring();
    for (const signal of signals) {
      if (signal.aborted) ring();
      else signal.addEventListener('abort', ring, { once: true });
    }
    return {
      [Symbol.dispose]: () => {
        for (const signal of signals) signal.removeEventListener('abort', ring);
      },
    };
  }
}
