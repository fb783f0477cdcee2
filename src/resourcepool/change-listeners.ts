/** Those who want to know that something changed. */
export class ChangeListeners {
  readonly #listeners = new Set<{ readonly call: () => void }>();

  /** Calls the listener after every change, until what is returned is disposed. */
  add(listener: () => void): Disposable {
    const entry = { call: listener };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }

  /** Calls them all. A listener that throws has a bug, which must not look like a failure of what changed. */
  notify(): void {
    for (const { call } of [...this.#listeners]) {
      try {
        call();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
