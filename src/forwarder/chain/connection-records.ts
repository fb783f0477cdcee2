import { Connection } from '../../../apis/generated/connection.js';
import type { Journal } from '../../ports/journal.js';
import type { JsonObject } from '../../ports/json.js';
import type { Established } from './held-connection.js';

const prefix = 'connection/';

/** What is on record of an established connection, besides its ledger. */
export interface ConnectionRecord {
  readonly established: Established;
  readonly memory: ReadonlyMap<string, unknown>;
}

/**
 * Established connections as they stand in the journal. A ledger without such a record belongs to a Request that never
 * succeeded, or to a connection that is being closed: it is to be unwound.
 */
export class ConnectionRecords {
  readonly #journal: Journal;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** @throws ForwarderError `exhausted` when it cannot be written and must be */
  put(id: string, record: ConnectionRecord, must: boolean): void {
    const change = { key: prefix + id, value: written(record) };
    if (must) this.#journal.write([change]);
    else this.#journal.note([change]);
  }

  erase(id: string): void {
    this.#journal.note([{ key: prefix + id }]);
  }

  /** All connections on record, by id. */
  all(): ReadonlyMap<string, ConnectionRecord> {
    const found = [...this.#journal.records()].filter(([key]) => key.startsWith(prefix));
    return new Map(found.map(([key, value]) => [key.slice(prefix.length), read(value)]));
  }
}

/** The connection as it goes over the wire, with fields that this version does not know. */
function written({ established: { connection, expires }, memory }: ConnectionRecord): JsonObject {
  return {
    connection: Buffer.from(Connection.encode(connection).finish()).toString('base64'),
    ...(expires !== undefined && { expires }),
    memory: Object.fromEntries(memory) as JsonObject,
  };
}

function read(value: JsonObject): ConnectionRecord {
  const { connection, expires, memory } = value as { connection: string; expires?: number; memory: JsonObject };
  return {
    established: {
      connection: Connection.decode(Buffer.from(connection, 'base64')),
      ...(expires !== undefined && { expires }),
    },
    memory: new Map(Object.entries(memory)),
  };
}
