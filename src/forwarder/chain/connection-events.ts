import type { Connection } from '../../../apis/generated/connection.js';
import type { Log } from '../../ports/log.js';

/** What happened to a connection, as monitors see it. */
export type ConnectionChange =
  | { readonly type: 'update'; readonly connection: Connection }
  | { readonly type: 'delete'; readonly connection: Connection };

/** Tells whoever listens what becomes of connections. A listener that throws harms nobody else. */
export class ConnectionEvents {
  readonly #log: Log;
  readonly #listeners = new Set<(change: ConnectionChange) => void>();

  constructor(log: Log) {
    this.#log = log;
  }

  publish(change: ConnectionChange): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change);
      } catch (error) {
        this.#log.error('a listener to connection events failed', { error: String(error) });
      }
    }
  }

  subscribe(listener: (change: ConnectionChange) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Number of listeners. */
  get size(): number {
    return this.#listeners.size;
  }
}
