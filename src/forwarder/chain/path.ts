import type { Connection, PathSegment } from '../../../apis/generated/connection.js';
import { ForwarderError } from '../../ports/error.js';

/** Where a connection stood with the caller, to be put back into the answer. */
export interface CallerPlace {
  readonly id: string;
  readonly index: number;
}

/** What makes a path segment ours. */
export interface OwnSide {
  /** `NSM_NAME`. */
  readonly name: string;
  readonly newId: () => string;
  /** Whether a connection with this id is held here: it may have been made under a former name. */
  readonly isKnown: (id: string) => boolean;
}

export function segment(name: string, id: string): PathSegment {
  return { name, id, token: '', expires: undefined, metrics: {} };
}

/**
 * Steps from the caller's path segment to our own (nsm-wire: updatepath). A segment of ours that is there already keeps
 * its id, so that a connection survives our restart, also one under another name whose id we know; any other
 * forwarder's is taken over with a new id.
 *
 * @returns the connection with our own id and index, and the caller's
 * @throws ForwarderError `invalid` when id and path do not fit together
 */
export function enterPath(
  connection: Connection,
  own: OwnSide,
): { connection: Connection; caller: CallerPlace | undefined } {
  const segments = connection.path?.pathSegments ?? [];
  const index = connection.path?.index ?? 0;
  if (segments.length === 0) {
    const id = connection.id === '' ? own.newId() : connection.id;
    return { connection: at(connection, [segment(own.name, id)], 0), caller: undefined };
  }
  const current = segments[index];
  if (current === undefined) {
    throw new ForwarderError(
      'invalid',
      `path index ${index} is beyond the path, which has ${segments.length} segments`,
    );
  }
  if (current.id !== connection.id) {
    throw new ForwarderError(
      'invalid',
      `path segment ${index} has the id ${JSON.stringify(current.id)}, but the connection has ${JSON.stringify(connection.id)}`,
    );
  }
  const next = segments[index + 1];
  const changed = [...segments.slice(0, index + 1), ownSegment(next, own), ...segments.slice(index + 2)];
  return { connection: at(connection, changed, index + 1), caller: { id: connection.id, index } };
}

function ownSegment(present: PathSegment | undefined, { name, newId, isKnown }: OwnSide): PathSegment {
  if (present === undefined) return segment(name, newId());
  if (present.name === name || isKnown(present.id)) return { ...present, name };
  return { ...present, name, id: newId() };
}

/** The connection with another id in our own segment. */
export function underId(connection: Connection, id: string): Connection {
  if (connection.id === id) return connection;
  return { ...withSegment(connection, connection.path?.index ?? 0, { id }), id };
}

/** The answer as the caller expects it: with its own id and index, and the path as far as it goes. */
export function leavePath(connection: Connection, caller: CallerPlace | undefined): Connection {
  if (caller === undefined || connection.path === undefined) return connection;
  return { ...connection, id: caller.id, path: { ...connection.path, index: caller.index } };
}

/** The connection with some fields of one path segment changed. */
export function withSegment(connection: Connection, index: number, change: Partial<PathSegment>): Connection {
  const path = connection.path;
  if (path === undefined) return connection;
  const pathSegments = path.pathSegments.map((it, i) => (i === index ? { ...it, ...change } : it));
  return { ...connection, path: { ...path, pathSegments } };
}

/** The segment of the component that called us; undefined at the start of a path. */
export function previousSegment(connection: Connection): PathSegment | undefined {
  return connection.path?.pathSegments[connection.path.index - 1];
}

function at(connection: Connection, pathSegments: PathSegment[], index: number): Connection {
  const id = pathSegments[index]?.id ?? '';
  return { ...connection, id, path: { ...connection.path, pathSegments, index } };
}
