import type { Connection } from '../../../apis/generated/connection.js';
import { emptyContext, emptyIpContext } from '../../../simulation/messages.js';

/** A field that no proto of ours has, as a newer peer would send it: its key, and what it holds. */
function fromTheFuture(byte: number): Record<number, Uint8Array[]> {
  const lengthDelimited = 2;
  return { [(1000 << 3) | lengthDelimited]: [Uint8Array.of(3, byte, 0, byte)] };
}

/** A connection with everything in it that a forwarder has no business with. */
export function withForeignParts(connection: Connection): Connection {
  const { labels, path } = connection;
  const context = connection.context ?? emptyContext;
  const ipContext = context.ipContext ?? emptyIpContext;
  return {
    ...connection,
    labels: { ...labels, 'unknown.example/label': 'kept', '': 'a label without a name' },
    context: {
      ...context,
      extraContext: { ...context.extraContext, theirs: 'kept' },
      ipContext: { ...ipContext, _unknownFields: fromTheFuture(3) },
      _unknownFields: fromTheFuture(2),
    },
    path: {
      index: 0,
      ...path,
      pathSegments: (path?.pathSegments ?? []).map((it) => ({ ...it, _unknownFields: fromTheFuture(5) })),
      _unknownFields: fromTheFuture(4),
    },
    _unknownFields: fromTheFuture(1),
  };
}

/** Those parts, to be compared: of the path the client's segment, and what else there is of the sender's. */
export function foreignParts(connection: Connection | undefined) {
  const { labels, context, path } = connection ?? {};
  const [clients, senders] = path?.pathSegments ?? [];
  return {
    labels,
    extraContext: context?.extraContext,
    clients: {
      ...{ name: clients?.name, id: clients?.id, token: clients?.token, metrics: clients?.metrics },
      expires: [clients?.expires?.seconds, clients?.expires?.nanos],
    },
    senders: { name: senders?.name, id: senders?.id, metrics: senders?.metrics },
    unknown: [connection, context, context?.ipContext, path, clients, senders].map((it) => bytesOf(it?._unknownFields)),
  };
}

function bytesOf(fields: Readonly<Record<number, readonly Uint8Array[]>> | undefined): readonly string[] {
  return Object.entries(fields ?? {}).flatMap(([key, values]) =>
    values.map((value) => `${key}: ${Buffer.from(value).toString('hex')}`),
  );
}
