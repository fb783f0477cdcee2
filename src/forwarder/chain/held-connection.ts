import type { Connection } from '../../../apis/generated/connection.js';
import type { Ledger } from '../../ledger/ledger.js';

/** A typed place in a connection's memory. */
export interface MemoryKey<T> {
  readonly name: string;
  readonly __type?: T;
}

export function memoryKey<T>(name: string): MemoryKey<T> {
  return { name };
}

/** What elements remember of one connection between its Requests. A failed Request leaves it as it was. */
export class Memory {
  #values: ReadonlyMap<string, unknown> = new Map();

  get<T>(key: MemoryKey<T>): T | undefined {
    return this.#values.get(key.name) as T | undefined;
  }

  set<T>(key: MemoryKey<T>, value: T): void {
    this.#values = new Map(this.#values).set(key.name, value);
  }

  delete(key: MemoryKey<unknown>): void {
    const values = new Map(this.#values);
    values.delete(key.name);
    this.#values = values;
  }

  snapshot(): ReadonlyMap<string, unknown> {
    return this.#values;
  }

  restore(snapshot: ReadonlyMap<string, unknown>): void {
    this.#values = snapshot;
  }
}

/** One connection as this forwarder holds it. */
export interface HeldConnection {
  readonly id: string;
  readonly ledger: Ledger;
  readonly memory: Memory;
  /** The last good answer, with our own id and index; absent until the first Request has succeeded. */
  established?: Connection;
  /** Set by an element that had to give up what was established: if its Request fails, nothing of it is left. */
  lost?: boolean;
  /** When it is closed for want of a refresh, milliseconds since the epoch. */
  expires?: number;
}
