import { type Connection, type Mechanism, State } from '../../../apis/generated/connection.js';
import { Ledger, type Mark, type Undoing, type Unwound } from '../../ledger/ledger.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Caller } from './call.js';
import type { ConnectionEvents } from './connection-events.js';
import type { Next } from './element.js';
import { Expiry } from './expiry.js';
import { type HeldConnection, Memory } from './held-connection.js';
import { Queues } from './queues.js';

/** A Request at the door: the connection has our own id and index already. */
export interface Arrival {
  readonly connection: Connection;
  readonly preferences: readonly Mechanism[];
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** What a person can be told of a connection. */
export interface ConnectionReport {
  readonly id: string;
  readonly networkService: string;
  /** Kinds of what it holds, oldest first. */
  readonly holds: readonly string[];
}

interface Parts {
  readonly chain: Next;
  readonly undoing: Undoing;
  readonly events: ConnectionEvents;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs on the held connection before it is closed, with the Close message where there is one. */
  readonly beforeClose: (held: HeldConnection, close: Arrival | undefined) => void;
}

/**
 * The door of the forwarder: one Request or Close at a time for each connection.
 *
 * - A first Request that fails leaves nothing behind; a refresh that fails takes back only what it added, and the
 *   connection lives on.
 * - Close unwinds the connection's ledger; for an unknown connection it is done already.
 * - Undoing has deadlines of its own and does not care whether the caller still waits.
 */
export class Connections {
  readonly #parts: Parts;
  readonly #held = new Map<string, HeldConnection>();
  readonly #queues = new Queues();
  readonly #expiry: Expiry;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#expiry = new Expiry(parts.clock);
  }

  /** @returns the answer with our own id and index */
  async request(arrival: Arrival): Promise<Connection> {
    const { id } = arrival.connection;
    return this.#queues.run(id, () => this.#request(arrival), arrival.signal);
  }

  /**
   * A Close that has come is carried out, whether or not its caller still waits: nobody would send it again.
   *
   * @throws ForwarderError what could not be undone; the connection is gone all the same
   */
  async close(arrival: Arrival): Promise<void> {
    const { id } = arrival.connection;
    await this.#queues.run(id, () => this.#close(id, arrival));
  }

  /** Closes every connection, as an orderly end does that leaves nothing to a successor. */
  async closeAll(): Promise<void> {
    await Promise.allSettled(
      [...this.#held.keys()].map((id) => this.#queues.run(id, () => this.#close(id, undefined))),
    );
  }

  /** Stops all expiry timers; connections stay as they are. */
  stop(): void {
    this.#expiry.disarmAll();
  }

  /** Established connections, with our own id and index. */
  established(): Connection[] {
    return [...this.#held.values()].flatMap((held) => held.established ?? []);
  }

  report(): readonly ConnectionReport[] {
    return [...this.#held.values()].map((held) => ({
      id: held.id,
      networkService: held.established?.networkService ?? '',
      holds: held.ledger.entries().map((entry) => entry.kind),
    }));
  }

  async #request(arrival: Arrival): Promise<Connection> {
    const { id, state } = arrival.connection;
    if (state === State.RESELECT_REQUESTED) await this.#close(id, arrival).catch(() => undefined);
    const held = this.#held.get(id) ?? { id, ledger: new Ledger(id, this.#parts.undoing), memory: new Memory() };
    this.#held.set(id, held);
    const mark = held.ledger.mark();
    const { expires } = held;
    const before = held.memory.snapshot();
    try {
      const answer = await this.#parts.chain({ ...arrival, held, log: this.#parts.log.with({ connection: id }) });
      // A caller that has left will never know of this connection, nor close it.
      if (arrival.signal.aborted) throw toForwarderError(arrival.signal.reason);
      return this.#succeeded(held, answer);
    } catch (thrown) {
      held.memory.restore(before);
      if (expires !== undefined) held.expires = expires; // the timer that is set stands for this one
      throw await this.#failed(held, mark, toForwarderError(thrown));
    }
  }

  #succeeded(held: HeldConnection, answer: Connection): Connection {
    held.ledger.settle();
    const established = { ...answer, state: State.UP };
    held.established = established;
    held.lost = false;
    if (held.expires !== undefined) this.#armExpiry(held, held.expires);
    this.#parts.events.publish({ type: 'update', connection: established });
    return established;
  }

  #armExpiry(held: HeldConnection, expires: number): void {
    this.#expiry.arm(held.id, expires, () => void this.#queues.run(held.id, () => this.#closeExpired(held.id)));
  }

  async #failed(held: HeldConnection, mark: Mark, error: ForwarderError): Promise<ForwarderError> {
    const unwound = await this.#takeBack(held, mark);
    if (held.established === undefined || held.lost) this.#drop(held);
    else this.#parts.events.publish({ type: 'update', connection: { ...held.established, state: State.DOWN } });
    if (unwound.failures.length === 0) return error;
    return new ForwarderError(error.kind, error.message, {
      cause: error,
      details: error.details,
      undoFailures: unwound.failures,
    });
  }

  /** A VF that cannot be taken back in part is taken back whole: what is in quarantine serves no connection. */
  async #takeBack(held: HeldConnection, mark: Mark): Promise<Unwound> {
    const first = await held.ledger.unwind(held.lost ? undefined : mark);
    if (first.owed.size === 0 || held.lost) return first;
    held.lost = true;
    const rest = await held.ledger.unwind();
    return { failures: [...first.failures, ...rest.failures], owed: new Map([...rest.owed, ...first.owed]) };
  }

  /** It may have been refreshed while this waited its turn; and clocks ring a little early, or are set back. */
  async #closeExpired(id: string): Promise<void> {
    const held = this.#held.get(id);
    if (held?.expires !== undefined && held.expires > this.#parts.clock.wallTime()) {
      this.#armExpiry(held, held.expires);
      return;
    }
    this.#parts.log.info('connection expired without a refresh', { connection: id });
    await this.#close(id, undefined).catch((error: unknown) => {
      this.#parts.log.warn('closing an expired connection was not complete', { connection: id, error: String(error) });
    });
  }

  async #close(id: string, arrival: Arrival | undefined): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined) return;
    try {
      this.#parts.beforeClose(held, arrival);
    } catch (error) {
      this.#parts.log.warn('closing with what is known', { connection: id, error: String(error) });
    }
    const unwound = await held.ledger.unwind();
    this.#drop(held);
    throwFailures(id, unwound);
  }

  #drop(held: HeldConnection): void {
    this.#expiry.disarm(held.id);
    this.#held.delete(held.id);
    if (held.established !== undefined) this.#parts.events.publish({ type: 'delete', connection: held.established });
  }
}

function throwFailures(id: string, { failures }: Unwound): void {
  const [first] = failures;
  if (first === undefined) return;
  throw new ForwarderError(first.kind, `connection ${id} is closed, but ${first.message}`, { undoFailures: failures });
}
