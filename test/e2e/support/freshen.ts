import type { Connection, Mechanism, PathSegment } from '../../../apis/generated/connection.js';

/** What is of its own time in a message, and what stands for it in a replay. */
export interface Present {
  readonly id: string;
  /** The client's token, addressed to the one who sends the message. */
  readonly clientToken: string;
  /** Of the client's pod. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The last answer to this connection; none before the first Request. */
  readonly answer: Connection | undefined;
}

/** A recorded connection with fresh tokens and ids; all else is as it was recorded. */
export function freshen(recorded: Connection, present: Present): Connection {
  const { id, answer } = present;
  const segments = recorded.path?.pathSegments ?? [];
  return {
    ...recorded,
    id,
    mechanism: recorded.mechanism && freshMechanism(recorded.mechanism, present),
    networkServiceEndpointName: recorded.networkServiceEndpointName && (answer?.networkServiceEndpointName ?? ''),
    path: { index: 1, ...recorded.path, pathSegments: segments.map((it, i) => freshSegment(it, i, present)) },
  };
}

/** A recorded mechanism with what belongs to the present pod; after an answer its values are the present ones. */
export function freshMechanism(recorded: Mechanism, { parameters, answer }: Present): Mechanism {
  const fresh = { ...answer?.mechanism?.parameters, ...parameters };
  const entries = Object.entries(recorded.parameters).map(([name, value]) => [name, fresh[name] ?? value] as const);
  return { ...recorded, parameters: Object.fromEntries(entries) };
}

/** The client's, the manager's, then those that the answer had: the forwarder's and all behind it. */
function freshSegment(recorded: PathSegment, index: number, { id, clientToken, answer }: Present): PathSegment {
  const expires = { seconds: Math.floor(Date.now() / 1000) + 600, nanos: 0 };
  if (index === 0) return { ...recorded, id: `${id}-client`, token: clientToken, expires };
  if (index === 1) return { ...recorded, id, expires };
  return answer?.path?.pathSegments[index] ?? recorded;
}
