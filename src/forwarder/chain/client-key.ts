import type { Connection, Mechanism } from '../../../apis/generated/connection.js';

/**
 * What a connection is known by whoever restarts on the way: the token that its VF stands for and the client's own path
 * segment. Undefined where there is no token, or nobody before us on the path.
 */
export function clientKey(connection: Connection, preferences: readonly Mechanism[] = []): string | undefined {
  const { pathSegments = [], index = 0 } = connection.path ?? {};
  const [client] = pathSegments;
  if (client === undefined || index === 0) return undefined;
  const offered = connection.mechanism === undefined ? preferences : [connection.mechanism];
  const token = offered.map(({ parameters }) => parameters['tokenID']).find((it) => it !== undefined && it !== '');
  return token === undefined ? undefined : `${token} ${client.id}`;
}
