import { type Connection, State } from '../../../apis/generated/connection.js';
import type { Ledger, Mark } from '../../ledger/ledger.js';
import type { Finding } from '../../mechanism/finding.js';
import type { ConnectionRecords } from './connection-records.js';

/** A typed place in a connection's memory. */
export interface MemoryKey<T> {
  readonly name: string;
  readonly __type?: T;
}

/** @param name - under which it is on record: once chosen it stays */
export function memoryKey<T>(name: string): MemoryKey<T> {
  return { name };
}

/**
 * What elements remember of one connection between its Requests: plain data only, a later process reads it. A failed
 * Request leaves it as it was. What the ledger says already has no place here.
 */
export class Memory {
  #values: ReadonlyMap<string, unknown>;

  constructor(values: ReadonlyMap<string, unknown> = new Map()) {
    this.#values = values;
  }

  get<T>(key: MemoryKey<T>): T | undefined {
    return this.#values.get(key.name) as T | undefined;
  }

  set<T>(key: MemoryKey<T>, value: T): void {
    this.#values = new Map(this.#values).set(key.name, value);
  }

  delete(key: { readonly name: string }): void {
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

/** What a connection is once a Request has succeeded. */
export interface Established {
  /** The last good answer, with our own id and index. */
  readonly connection: Connection;
  /** When it is closed for want of a refresh, milliseconds since the epoch. */
  readonly expires?: number;
}

/** Where a Request that fails goes back to. */
export interface ReturnPoint {
  readonly mark: Mark;
  readonly memory: ReadonlyMap<string, unknown>;
}

/** One connection as this forwarder holds it. */
export class HeldConnection {
  readonly id: string;
  readonly ledger: Ledger;
  readonly memory: Memory;
  readonly #records: ConnectionRecords;
  #established: Established | undefined;
  #lost = false;
  #returnPoint: ReturnPoint;
  /** What somebody else has made of it since the last Request, as the last look at the node showed. */
  finding?: Finding | undefined;
  /** What the next hop has said since the last Request that succeeded. */
  below?: Pick<Connection, 'state' | 'context'> | undefined;
  /** When it shall be closed for want of a refresh, if the Request that is running succeeds; ms since the epoch. */
  expires?: number;

  constructor(
    id: string,
    parts: {
      readonly ledger: Ledger;
      readonly records: ConnectionRecords;
      readonly memory?: Memory;
      /** What a former process has left; absent for a new connection. */
      readonly established?: Established;
    },
  ) {
    this.id = id;
    this.ledger = parts.ledger;
    this.memory = parts.memory ?? new Memory();
    this.#records = parts.records;
    this.#established = parts.established;
    this.#returnPoint = this.setReturnPoint();
    if (parts.established?.expires !== undefined) this.expires = parts.established.expires;
  }

  /** Absent until the first Request has succeeded. */
  get established(): Established | undefined {
    return this.#established;
  }

  /** How it was before the Request that is running, or as the last one, or that Request itself, has established it. */
  get returnPoint(): ReturnPoint {
    return this.#returnPoint;
  }

  /** To be called when a Request begins. */
  setReturnPoint(): ReturnPoint {
    this.#returnPoint = { mark: this.ledger.mark(), memory: this.memory.snapshot() };
    return this.#returnPoint;
  }

  /** As monitors see it; DOWN when something is not as promised, here or further on. */
  get shown(): Connection | undefined {
    if (this.#established === undefined) return undefined;
    const { state = State.UP, ...more } = this.below ?? {};
    return { ...this.#established.connection, ...more, state: this.finding === undefined ? state : State.DOWN };
  }

  /** True when what was established is being given up: if the running Request fails, nothing of it is left. */
  get lost(): boolean {
    return this.#lost;
  }

  /**
   * A Request has succeeded: from now on a later process takes the connection over.
   *
   * @throws ForwarderError `exhausted` when a new connection cannot be recorded. A known one goes on, and its record
   *   follows as soon as it can be written
   */
  establish(connection: Connection): void {
    const established = { connection, ...(this.expires !== undefined && { expires: this.expires }) };
    const first = this.#established === undefined || this.#lost;
    this.#records.put(this.id, { established, memory: this.memory.snapshot() }, first);
    this.ledger.settle();
    this.#established = established;
    this.#lost = false;
    this.finding = undefined;
    this.setReturnPoint();
    this.below = undefined;
  }

  /** To be called before anything of what was established is given up: should the process end now, all of it goes. */
  giveUp(): void {
    this.#lost = true;
    this.#records.erase(this.id);
  }
}
