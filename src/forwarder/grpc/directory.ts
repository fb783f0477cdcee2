import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointRegistryService,
  NetworkServiceRegistryService,
} from '../../../apis/generated/registry.js';
import { toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Channels } from '../../transport/channels.js';
import type { Peer } from '../../transport/peer.js';
import type { Directory } from '../elements/discover.js';
import type { EndpointSockets } from './endpoint-sockets.js';
import { endpointNamed, serviceNamed } from './registry-messages.js';

interface Parts {
  readonly channels: Channels;
  /** The network service manager, `NSM_CONNECT_TO`. */
  readonly manager: string;
  readonly sockets: EndpointSockets;
  readonly log: Log;
}

/** Asks the registry behind the network service manager. */
export function directoryOver({ channels, manager, sockets, log }: Parts): Directory {
  /** An endpoint whose socket does not come with it is of no use, and no reason to do without the others. */
  const isReachable = async (endpoint: NetworkServiceEndpoint, registry: Peer, signal: AbortSignal) => {
    try {
      await sockets.receive(endpoint.url, registry, signal);
      return true;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      log.warn(`endpoint passed over: ${toForwarderError(thrown).message}`, { endpoint: endpoint.name });
      return false;
    }
  };
  const findEndpoints = (wanted: NetworkServiceEndpoint, signal: AbortSignal) =>
    channels.use(manager, signal, async (connection) => {
      const query = { networkServiceEndpoint: wanted, watch: false };
      const found: NetworkServiceEndpoint[] = [];
      const answers = await connection.list(NetworkServiceEndpointRegistryService.find, query, { signal });
      for (const answer of answers) {
        const endpoint = answer.networkServiceEndpoint;
        if (endpoint === undefined || answer.deleted) continue;
        if (await isReachable(endpoint, connection.peer, signal)) found.push(endpoint);
      }
      return found;
    });
  return {
    findService: (name, payload, signal) => findService({ channels, manager }, serviceNamed(name, payload), signal),
    findEndpointByName: async (name, signal) =>
      (await findEndpoints(endpointNamed({ name }), signal)).find((it) => it.name === name),
    findEndpoints: (service, signal) => findEndpoints(endpointNamed({ services: [service] }), signal),
  };
}

async function findService(
  { channels, manager }: Pick<Parts, 'channels' | 'manager'>,
  wanted: NetworkService,
  signal: AbortSignal,
): Promise<NetworkService | undefined> {
  return channels.use(manager, signal, async (connection) => {
    const query = { networkService: wanted, watch: false };
    const answers = await connection.list(NetworkServiceRegistryService.find, query, { signal });
    return answers.find((it) => it.networkService?.name === wanted.name && !it.deleted)?.networkService;
  });
}
