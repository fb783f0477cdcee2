import { type Connection, type Mechanism, State } from '../../../apis/generated/connection.js';
import type { Entry } from '../../ledger/entry.js';
import { Ledger, type Undoing, type Unwound } from '../../ledger/ledger.js';
import type { Finding } from '../../mechanism/finding.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Caller } from './call.js';
import { clientKey } from './client-key.js';
import type { ConnectionEvents } from './connection-events.js';
import type { ConnectionRecord, ConnectionRecords } from './connection-records.js';
import type { Next } from './element.js';
import { Expiry } from './expiry.js';
import { HeldConnection, Memory } from './held-connection.js';
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

/** What a client has at least, after our restart, to find us again: nobody could refresh while no process was there. */
const healMs = 20_000;

interface Parts {
  readonly chain: Next;
  readonly undoing: Undoing;
  readonly records: ConnectionRecords;
  readonly events: ConnectionEvents;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs on the held connection before it is closed, with the message that asks for it where there is one. */
  readonly beforeClose: (held: HeldConnection, close: Arrival | undefined) => Promise<void>;
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

  /**
   * The id under which a Request's connection is known here: its own, else that of the connection whose client and token
   * it names. Ids on the way change when components restart; these two do not (nsm-wire 9.5).
   */
  idFor({ connection, preferences }: Pick<Arrival, 'connection' | 'preferences'>): string {
    if (this.#held.has(connection.id)) return connection.id;
    const key = clientKey(connection, preferences);
    if (key === undefined) return connection.id;
    const known = [...this.#held.values()].find(
      ({ established }) => established !== undefined && clientKey(established.connection) === key,
    );
    return known?.id ?? connection.id;
  }

  /**
   * Takes over what a former process has left of a connection. With a record it lives on until its token ends; without
   * one it is there only to be closed.
   */
  adopt(id: string, entries: readonly Entry[], record: ConnectionRecord | undefined): HeldConnection {
    const held = new HeldConnection(id, {
      ledger: new Ledger(id, this.#parts.undoing, entries),
      records: this.#parts.records,
      ...(record && { memory: new Memory(record.memory), established: record.established }),
    });
    this.#held.set(id, held);
    if (held.expires !== undefined) {
      held.expires = Math.max(held.expires, this.#parts.clock.wallTime() + healMs);
      this.#armExpiry(held, held.expires);
    }
    return held;
  }

  /** Runs a job on a connection when its turn comes, as if it were one of its Requests. */
  async inTurn<T>(id: string, job: () => Promise<T>): Promise<T> {
    return this.#queues.run(id, job);
  }

  /**
   * Closes a connection for which nobody asked.
   *
   * @throws ForwarderError what could not be undone; the connection is gone all the same
   */
  async end(id: string): Promise<void> {
    await this.#queues.run(id, () => this.#close(id, undefined));
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
    await Promise.allSettled([...this.#held.keys()].map((id) => this.end(id)));
  }

  /** Stops all expiry timers; connections stay as they are. */
  stop(): void {
    this.#expiry.disarmAll();
  }

  /**
   * Compares each established connection with reality, in its turn. Monitors are told DOWN of one that is not as it was
   * promised, so that its client asks again, and UP when it is; one of which nothing is left is closed.
   */
  async inspect(look: (held: HeldConnection) => Promise<Finding | undefined>): Promise<void> {
    const looks = [...this.#held.keys()].map((id) => this.#queues.run(id, () => this.#inspect(id, look)));
    for (const { status, ...more } of await Promise.allSettled(looks)) {
      if (status === 'rejected') this.#parts.log.debug('a connection could not be inspected', more);
    }
  }

  held(id: string): HeldConnection | undefined {
    return this.#held.get(id);
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** The names that our own path segment has in established connections, less the one that it has now. */
  namesOtherThan(name: string): ReadonlySet<string> {
    const names = this.established().map(({ path }) => path?.pathSegments[path.index]?.name ?? name);
    return new Set(names.filter((it) => it !== name));
  }

  /** Runs work on each connection in its turn: no Request and no Close of it goes on meanwhile. */
  async each(work: (held: HeldConnection) => Promise<void>): Promise<void> {
    const one = async (id: string) => {
      const held = this.#held.get(id);
      if (held !== undefined) await work(held);
    };
    await Promise.all([...this.#held.keys()].map((id) => this.#queues.run(id, () => one(id))));
  }

  /** Established connections, with our own id and index; DOWN are those of which something is not as promised. */
  established(): Connection[] {
    return [...this.#held.values()].flatMap(({ shown }) => shown ?? []);
  }

  report(): readonly ConnectionReport[] {
    return [...this.#held.values()].map((held) => ({
      id: held.id,
      networkService: held.established?.connection.networkService ?? '',
      holds: held.ledger.entries().map((entry) => entry.kind),
    }));
  }

  async #request(arrival: Arrival): Promise<Connection> {
    const { id, state } = arrival.connection;
    if (state === State.RESELECT_REQUESTED) await this.#close(id, arrival).catch(() => undefined);
    const held = this.#held.get(id) ?? this.adopt(id, [], undefined);
    const { expires } = held;
    held.setReturnPoint();
    try {
      const answer = await this.#parts.chain({ ...arrival, held, log: this.#parts.log.with({ connection: id }) });
      // A caller that has left will never know of this connection, nor close it.
      if (arrival.signal.aborted) throw toForwarderError(arrival.signal.reason);
      return this.#succeeded(held, answer);
    } catch (thrown) {
      held.memory.restore(held.returnPoint.memory);
      if (expires !== undefined) held.expires = expires; // the timer that is set stands for this one
      throw await this.#failed(held, toForwarderError(thrown));
    }
  }

  async #inspect(id: string, look: (held: HeldConnection) => Promise<Finding | undefined>): Promise<void> {
    const held = this.#held.get(id);
    if (held?.established === undefined) return;
    const before = held.finding;
    const finding = await look(held);
    held.finding = finding;
    if (finding?.reason === before?.reason) return;
    this.#publish(held.established.connection, finding === undefined ? State.UP : State.DOWN);
    const fields = { connection: id, finding: finding?.kind, reason: finding?.reason };
    if (finding === undefined) this.#parts.log.info('connection is as promised again', { connection: id });
    else this.#parts.log.warn('connection is not as promised any more', fields);
    if (finding?.kind !== 'gone') return;
    await this.#close(id, undefined).catch((error: unknown) => {
      this.#parts.log.warn('closing a lost connection was not complete', { connection: id, error: String(error) });
    });
  }

  #succeeded(held: HeldConnection, answer: Connection): Connection {
    const established = { ...answer, state: State.UP };
    held.establish(established);
    if (held.expires !== undefined) this.#armExpiry(held, held.expires);
    this.#publish(established, State.UP);
    return established;
  }

  #armExpiry(held: HeldConnection, expires: number): void {
    this.#expiry.arm(held.id, expires, () => void this.#queues.run(held.id, () => this.#closeExpired(held.id)));
  }

  async #failed(held: HeldConnection, error: ForwarderError): Promise<ForwarderError> {
    const unwound = await this.#takeBack(held);
    if (held.established === undefined || held.lost) this.#drop(held);
    else this.#publish(held.established.connection, State.DOWN);
    if (unwound.failures.length === 0) return error;
    return new ForwarderError(error.kind, error.message, {
      cause: error,
      details: error.details,
      undoFailures: unwound.failures,
    });
  }

  /** A VF that cannot be taken back in part is taken back whole: what is in quarantine serves no connection. */
  async #takeBack(held: HeldConnection): Promise<Unwound> {
    const first = await held.ledger.unwind(held.lost ? undefined : held.returnPoint.mark);
    if (first.owed.size === 0 || held.lost) return first;
    held.giveUp();
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
    held.giveUp();
    try {
      await this.#parts.beforeClose(held, arrival);
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
    if (held.established === undefined) return;
    this.#parts.events.publish({ type: 'delete', connection: held.established.connection });
  }

  #publish(connection: Connection, state: State): void {
    this.#parts.events.publish({ type: 'update', connection: { ...connection, state } });
  }
}

function throwFailures(id: string, { failures }: Unwound): void {
  const [first] = failures;
  if (first === undefined) return;
  throw new ForwarderError(first.kind, `connection ${id} is closed, but ${first.message}`, { undoFailures: failures });
}
