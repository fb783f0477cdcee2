import type { Connection } from '../../../apis/generated/connection.js';
import type { NetworkService, NetworkServiceEndpoint } from '../../../apis/generated/registry.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Call } from '../chain/call.js';
import type { Element } from '../chain/element.js';
import { memoryKey } from '../chain/held-connection.js';
import { milliseconds } from '../chain/timestamp.js';
import { matchEndpoints } from './match-endpoints.js';

/** What the forwarder asks the registry. */
export interface Directory {
  findService(name: string, payload: string, signal: AbortSignal): Promise<NetworkService | undefined>;
  findEndpointByName(name: string, signal: AbortSignal): Promise<NetworkServiceEndpoint | undefined>;
  findEndpoints(service: string, signal: AbortSignal): Promise<readonly NetworkServiceEndpoint[]>;
}

/** Somewhere the request may go next. */
export interface Candidate {
  readonly endpoint: string;
  readonly url: string;
}

/** Candidates in the order in which they are to be tried; never empty. Put there by `discover`. */
export const candidatesKey = memoryKey<readonly Candidate[]>('candidates');

/**
 * Finds where the request goes next: the endpoint it names, else all endpoints of its service that match its labels,
 * beginning with another one each time.
 */
export function discover(directory: Directory, clock: Clock): Element {
  const turns = new Map<string, number>();
  return {
    name: 'discover',
    async request(call, next) {
      const { connection } = call;
      if (connection.networkServiceEndpointName !== '') {
        call.held.memory.set(candidatesKey, [await byName(directory, clock, call)]);
        return next(call);
      }
      const [service, endpoints] = await Promise.all([
        findService(directory, call),
        directory.findEndpoints(connection.networkService, call.signal),
      ]);
      const found = matchEndpoints(service, endpoints, {
        labels: connection.labels,
        now: clock.wallTime(),
      });
      if (found.length === 0) {
        throw new ForwarderError('not-found', `no endpoint of network service ${service.name} matches the request`);
      }
      call.held.memory.set(candidatesKey, rotate(found.map(candidate), nextTurn(turns, service.name)));
      return next({ ...call, connection: { ...connection, payload: service.payload } });
    },
  };
}

/** How long the registry may take when the endpoint is known: managers wait for theirs as long as the caller does. */
const patienceMs = 2_000;

/** A registry that is away does not stop the refresh of a connection whose endpoint is known. */
async function byName(directory: Directory, clock: Clock, call: Call): Promise<Candidate> {
  const name = call.connection.networkServiceEndpointName;
  const known = call.held.memory.get(candidatesKey)?.find((it) => it.endpoint === name);
  const limit = known === undefined ? Number.POSITIVE_INFINITY : patienceMs;
  using deadline = clock.deadline(`asking the registry for ${name}`, limit, call.signal);
  try {
    const endpoint = await directory.findEndpointByName(name, deadline.signal);
    const alive = endpoint?.expirationTime === undefined || milliseconds(endpoint.expirationTime) > clock.wallTime();
    if (endpoint !== undefined && alive) return candidate(endpoint);
    throw new ForwarderError(
      'not-found',
      `network service endpoint ${name} is not registered${alive ? '' : ' any more'}`,
    );
  } catch (thrown) {
    const error = toForwarderError(thrown);
    const away = error.kind === 'unavailable' || error.kind === 'timed-out';
    if (known === undefined || !away || call.signal.aborted) throw error;
    call.log.warn('registry is away, the known endpoint is used', { endpoint: name, reason: error.message });
    return known;
  }
}

async function findService(directory: Directory, { connection, signal }: Call): Promise<NetworkService> {
  const { networkService, payload }: Connection = connection;
  const service = await directory.findService(networkService, payload, signal);
  if (service !== undefined) return service;
  throw new ForwarderError('not-found', `network service ${JSON.stringify(networkService)} is not registered`);
}

function candidate(endpoint: NetworkServiceEndpoint): Candidate {
  return { endpoint: endpoint.name, url: endpoint.url };
}

function nextTurn(turns: Map<string, number>, service: string): number {
  const turn = turns.get(service) ?? 0;
  turns.set(service, turn + 1);
  return turn;
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
