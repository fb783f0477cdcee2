import {
  Connection,
  type ConnectionEvent,
  ConnectionEventType,
  MonitorConnectionService,
  type MonitorScopeSelector,
  type PathSegment,
} from '../../../apis/generated/connection.js';
import { ForwarderError } from '../../ports/error.js';
import type { Peer } from '../../transport/peer.js';
import { type Service, service } from '../../transport/service.js';
import type { ConnectionChange } from '../chain/connection-events.js';
import type { Forwarder } from '../forwarder.js';
import { Bell } from './bell.js';
import type { Doorkeeper } from './doorkeeper.js';

/** Events kept for a subscriber that does not read; one that falls further behind is sent away. */
const longestBacklog = 1024;

/** What is there at first goes in several events when it is longer, bytes: Go's gRPC takes 4 MiB at a time. */
const longestEvent = 1024 * 1024;

/**
 * `connection.MonitorConnection`: what is there now, even if that is nothing, then every change, until the subscriber
 * leaves. Connections show our own id and path index; tokens in their paths are left out: they are no monitor's business.
 */
export function monitorConnections(
  forwarder: Pick<Forwarder, 'connections' | 'events'>,
  doorkeeper: Pick<Doorkeeper, 'monitor'>,
  draining: AbortSignal,
): Service<Peer> {
  return service(MonitorConnectionService, {
    monitorConnections: (selector, call) => {
      const isShown = doorkeeper.monitor(selector, call.peer);
      const isWanted = (connection: Connection) => matches(selector, connection) && isShown(connection);
      return follow(forwarder, isWanted, [call.signal, draining]);
    },
  });
}

/** @param ends - the caller's signal, and that of a process which is about to end */
async function* follow(
  forwarder: Pick<Forwarder, 'connections' | 'events'>,
  isWanted: (connection: Connection) => boolean,
  ends: readonly AbortSignal[],
): AsyncGenerator<ConnectionEvent> {
  const bell = new Bell();
  const waiting = { events: [] as ConnectionEvent[], tooMany: false };
  using _subscription = forwarder.events.subscribe((change) => {
    if (waiting.tooMany || !isWanted(change.connection)) return;
    waiting.tooMany = waiting.events.push(eventOf(change)) > longestBacklog;
    if (waiting.tooMany) waiting.events = [];
    bell.ring();
  });
  using _ends = bell.ringOn(ends);
  const [first = [], ...others] = inParts(forwarder.connections.established().filter(isWanted));
  yield event(ConnectionEventType.INITIAL_STATE_TRANSFER, first);
  for (const part of others) yield event(ConnectionEventType.UPDATE, part);
  while (!ends.some((signal) => signal.aborted)) {
    if (waiting.tooMany) throw tooSlow();
    const next = waiting.events.shift();
    if (next !== undefined) yield next;
    else await bell.rings();
  }
}

/** As many connections in each part as an event may have, at least one. One alone, the usual case, is not measured. */
function inParts(connections: readonly Connection[]): readonly (readonly Connection[])[] {
  const parts: Connection[][] = [];
  let length = Number.POSITIVE_INFINITY;
  for (const connection of connections) {
    const own = connections.length === 1 ? 0 : Connection.encode(connection).finish().length;
    length += own;
    if (length > longestEvent) {
      parts.push([]);
      length = own;
    }
    parts.at(-1)?.push(connection);
  }
  return parts;
}

function tooSlow(): ForwarderError {
  return new ForwarderError('exhausted', `the subscriber does not read: ${longestBacklog} events waited for it`);
}

function eventOf({ type, connection }: ConnectionChange): ConnectionEvent {
  return event(type === 'update' ? ConnectionEventType.UPDATE : ConnectionEventType.DELETE, [connection]);
}

function event(type: ConnectionEventType, connections: readonly Connection[]): ConnectionEvent {
  return { type, connections: Object.fromEntries(connections.map((it) => [it.id, withoutTokens(it)])) };
}

function withoutTokens(connection: Connection): Connection {
  if (connection.path === undefined) return connection;
  const pathSegments = connection.path.pathSegments.map((segment) => ({ ...segment, token: '' }));
  return { ...connection, path: { ...connection.path, pathSegments } };
}

/**
 * The rule of all NSM monitors: one of the network services (none named: any), and a run of path segments in which
 * empty names, ids and tokens stand for anything.
 */
export function matches(selector: MonitorScopeSelector, connection: Connection): boolean {
  const { networkServices, pathSegments: wanted } = selector;
  if (networkServices.length > 0 && !networkServices.includes(connection.networkService)) return false;
  const present = connection.path?.pathSegments ?? [];
  if (wanted.length === 0) return true;
  return present.some((_, start) => wanted.every((it, i) => segmentMatches(it, present[start + i])));
}

function segmentMatches(wanted: PathSegment, present: PathSegment | undefined): boolean {
  if (present === undefined) return false;
  const fits = (field: 'name' | 'id' | 'token') => wanted[field] === '' || wanted[field] === present[field];
  return fits('name') && fits('id') && fits('token');
}
