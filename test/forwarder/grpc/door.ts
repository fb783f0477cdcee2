import { expect } from 'chai';
import { Connection, MonitorScopeSelector, type PathSegment } from '../../../apis/generated/connection.js';
import { NetworkServiceRequest } from '../../../apis/generated/networkservice.js';
import { ConnectionEvents } from '../../../src/forwarder/chain/connection-events.js';
import { leavePath, segment } from '../../../src/forwarder/chain/path.js';
import { Doorkeeper } from '../../../src/forwarder/grpc/doorkeeper.js';
import { policies } from '../../../src/policies/catalogue.js';
import type { Policy } from '../../../src/policies/policy.js';
import { toForwarderError } from '../../../src/ports/error.js';
import { now, Signer } from '../../policies/signer.js';
import { keptLog } from '../../transport/support/kept-log.js';
import { incoming, manager as managerPeer } from './incoming.js';

/** Who there is. */
export const [client, otherClient, manager, newManager, stranger, forwarder] = [
  'client',
  'other-client',
  'manager',
  'manager-2',
  'stranger',
  'forwarder',
].map((name) => new Signer(name)) as [Signer, Signer, Signer, Signer, Signer, Signer];

/** As the daemon has them by default. */
export const usual = policies.filter(({ name }) => /^(common|server|monitor)\//.test(name));

/** What the doorkeeper sees of a forwarder, with connections that the test holds. */
class Held {
  readonly events = new ConnectionEvents(keptLog());
  readonly #connections = new Map<string, Connection>();

  readonly connections = {
    has: (id: string) => this.#connections.has(id),
    idFor: ({ connection }: { connection: Connection }) => this.#aliases.get(connection.id) ?? connection.id,
    established: () => [...this.#connections.values()],
  };

  readonly #aliases = new Map<string, string>();

  /** A connection that is asked for under one id is known under another. */
  alias(asked: string, known: string): void {
    this.#aliases.set(asked, known);
  }

  put(connection: Connection): void {
    this.#connections.set(connection.id, connection);
  }

  end(id: string): void {
    const connection = this.#connections.get(id);
    this.#connections.delete(id);
    if (connection !== undefined) this.events.publish({ type: 'delete', connection });
  }
}

interface Call {
  /** Who calls; the manager unless told. */
  readonly peer?: Signer;
  /** The path before us. */
  readonly before?: readonly PathSegment[];
  /** The caller's token in the call's metadata. */
  readonly token?: string | undefined;
  /** Our id of the connection. */
  readonly id?: string;
}

/** A path of a client and its manager, each with its token. */
export function path(origin: Signer, through: Signer, id = 'nsc'): PathSegment[] {
  return [
    { ...segment('client', id), token: origin.for(through).text },
    { ...segment('manager', `manager-of-${id}`), token: through.for(forwarder).text },
  ];
}

/** A doorkeeper with its surroundings, and callers before it. */
export function world(given: readonly Policy[] = usual, known: { manager?: string } = {}) {
  const held = new Held();
  const doorkeeper = new Doorkeeper({
    name: 'forwarder',
    policies: given,
    forwarder: held as never,
    issuer: { issue: (audience) => ({ token: forwarder.for({ spiffeId: audience ?? '' }).text, expires: now }) },
    clock: { wallTime: () => now },
    manager: () => known.manager,
  });
  const callOf = ({ peer = manager, token }: Call) => ({
    ...incoming({ metadata: token === undefined ? {} : { 'nsm-client-token': token } }),
    peer: { ...managerPeer, spiffeId: peer.spiffeId, publicKey: peer.publicKey },
  });
  const messageOf = ({ before = path(client, manager), id }: Call) => {
    const segments = [...before, ...(id === undefined ? [] : [segment('forwarder', id)])];
    const index = Math.max(0, before.length - 1);
    return Connection.fromPartial({ id: before[index]?.id ?? '', path: { index, pathSegments: segments } });
  };
  /** A Request that succeeds, and what then is held. */
  const request = async (call: Call = {}) => {
    const message = messageOf(call);
    const own = call.id ?? `of ${message.id}`;
    return doorkeeper.request(NetworkServiceRequest.fromPartial({ connection: message }), callOf(call), async () => {
      const pathSegments = [...(call.before ?? path(client, manager)), segment('forwarder', own)];
      const connection = Connection.fromPartial({ id: own, path: { index: pathSegments.length - 1, pathSegments } });
      held.put(connection);
      return leavePath(connection, { id: message.id, index: pathSegments.length - 2 });
    });
  };
  const close = (call: Call) => doorkeeper.close(messageOf(call), callOf(call));
  const monitor = (peer: Signer, ...ids: string[]) =>
    doorkeeper.monitor(
      MonitorScopeSelector.fromPartial({ pathSegments: ids.map((id) => ({ id })) }),
      callOf({ peer }).peer,
    );
  return { held, doorkeeper, request, close, monitor, callOf, messageOf };
}

/** The message with which the work is denied. @throws Error when it is not */
export async function denial(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (thrown) {
    const error = toForwarderError(thrown);
    expect(error.kind).to.equal('denied');
    return error.message;
  }
  throw new Error('nobody was denied anything');
}
