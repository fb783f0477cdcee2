import type { Connection } from '../../../apis/generated/connection.js';
import { readToken } from '../../policies/jwt.js';
import type { Owner } from '../../policies/policy.js';
import type { Forwarder } from '../forwarder.js';

/** A Request that was let in, to be settled once. */
export interface Asking {
  /** It succeeded: the connection, under our own id, is the asker's from now on. */
  granted(id: string): void;
  /** It failed. Other connections of the same asker are none the less its own. */
  refused(): void;
}

/**
 * Whose each connection is: from the moment on when it was first asked for, so that nobody else slips in between. Of what a
 * former process has left, the tokens on record tell.
 */
export class Owners {
  readonly #connections: Forwarder['connections'];
  readonly #known = new Map<string, Owner>();

  constructor({ connections, events }: Pick<Forwarder, 'connections' | 'events'>) {
    this.#connections = connections;
    events.subscribe(({ type, connection }) => {
      if (type === 'delete') this.#forgetSoon(connection.id);
    });
  }

  /** @param id - our own */
  of(id: string): Owner | undefined {
    return this.#known.get(id) ?? this.#recorded(id);
  }

  /** Somebody asks for a connection. */
  asking(id: string, asker: Owner): Asking {
    const isNew = this.of(id) === undefined;
    if (isNew) this.#known.set(id, asker);
    return {
      granted: (granted) => {
        if (granted !== id && this.#known.get(id) === asker) this.#known.delete(id);
        this.#known.set(granted, asker);
      },
      refused: () => {
        if (isNew && this.#known.get(id) === asker) this.#known.delete(id);
      },
    };
  }

  /** Not at once: those who watch the connection are told of its end, and have to be known until then. */
  #forgetSoon(id: string): void {
    const owner = this.#known.get(id);
    queueMicrotask(() => {
      if (this.#known.get(id) === owner) this.#known.delete(id);
    });
  }

  #recorded(id: string): Owner | undefined {
    const connection = this.#connections.established().find((it) => it.id === id);
    return connection === undefined ? undefined : recordedOwner(connection);
  }
}

/** They were verified when they came. */
function recordedOwner({ path }: Connection): Owner | undefined {
  const subjectAt = (index: number) => readToken(path?.pathSegments[index]?.token ?? '').claims?.subject;
  const caller = subjectAt((path?.index ?? 0) - 1);
  const origin = subjectAt(0);
  return caller === undefined ? undefined : { caller, ...(origin !== undefined && { origin }) };
}
