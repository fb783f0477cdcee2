import {
  type NetworkService,
  type NetworkServiceEndpoint,
  NetworkServiceEndpointRegistryService,
  NetworkServiceRegistryService,
} from '../../../apis/generated/registry.js';
import type { Channels } from '../../transport/channels.js';
import type { Directory } from '../elements/discover.js';
import type { EndpointSockets } from './endpoint-sockets.js';
import { endpointNamed, serviceNamed } from './registry-messages.js';

interface Parts {
  readonly channels: Channels;
  /** The network service manager, `NSM_CONNECT_TO`. */
  readonly manager: string;
  readonly sockets: EndpointSockets;
}

/** Asks the registry behind the network service manager. */
export function directoryOver({ channels, manager, sockets }: Parts): Directory {
  const findEndpoints = (wanted: NetworkServiceEndpoint, signal: AbortSignal) =>
    channels.use(manager, signal, async (connection) => {
      const query = { networkServiceEndpoint: wanted, watch: false };
      const found: NetworkServiceEndpoint[] = [];
      for await (const answer of connection.stream(NetworkServiceEndpointRegistryService.find, query, { signal })) {
        const endpoint = answer.networkServiceEndpoint;
        if (endpoint === undefined || answer.deleted) continue;
        await sockets.receive(endpoint.url, connection.peer, signal);
        found.push(endpoint);
      }
      return found;
    });
  return {
    findService: (name, payload, signal) =>
      findService({ channels, manager, sockets }, serviceNamed(name, payload), signal),
    findEndpointByName: async (name, signal) =>
      (await findEndpoints(endpointNamed({ name }), signal)).find((it) => it.name === name),
    findEndpoints: (service, signal) => findEndpoints(endpointNamed({ services: [service] }), signal),
  };
}

async function findService(
  { channels, manager }: Parts,
  wanted: NetworkService,
  signal: AbortSignal,
): Promise<NetworkService | undefined> {
  return channels.use(manager, signal, async (connection) => {
    const query = { networkService: wanted, watch: false };
    for await (const answer of connection.stream(NetworkServiceRegistryService.find, query, { signal })) {
      if (answer.networkService?.name === wanted.name && !answer.deleted) return answer.networkService;
    }
    return undefined;
  });
}
