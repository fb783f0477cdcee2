import { type Connection, State } from '../../../apis/generated/connection.js';
import { ConnectionContext } from '../../../apis/generated/connectioncontext.js';
import type { ConnectionEvents } from './connection-events.js';
import type { Connections } from './connections.js';

/** What a next hop says of a connection between two Requests; `lost`: it says nothing any more. */
export type SaidBelow = Pick<Connection, 'state' | 'context'> | 'lost';

interface Parts {
  readonly connections: Connections;
  readonly events: ConnectionEvents;
}

/**
 * Hands on what is new in it to monitors, until the next Request settles it (nsm-wire 3.4). What the client was promised
 * here stays as it is: it is for the client to ask again.
 */
export function noteFromBelow({ connections, events }: Parts, id: string, said: SaidBelow): void {
  const held = connections.held(id);
  const shown = held?.shown;
  // One that is being closed is closed there too: that is no news.
  if (held === undefined || shown === undefined || held.lost) return;
  const { state, context } = said === 'lost' ? { state: State.DOWN, context: shown.context } : said;
  if (shown.state === state && isSame(shown.context, context)) return;
  held.below = { state, context };
  events.publish({ type: 'update', connection: held.shown ?? shown });
}

function isSame(a: ConnectionContext | undefined, b: ConnectionContext | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return Buffer.compare(ConnectionContext.encode(a).finish(), ConnectionContext.encode(b).finish()) === 0;
}
