import type { Connection } from '../apis/generated/connection.js';
import type { ConnectionContext, IPContext } from '../apis/generated/connectioncontext.js';
import type { NetworkServiceEndpoint } from '../apis/generated/registry.js';

/** An IP context that asks for nothing. */
export const emptyIpContext: IPContext = {
  srcIpAddrs: [],
  dstIpAddrs: [],
  srcIpRequired: false,
  dstIpRequired: false,
  srcRoutes: [],
  dstRoutes: [],
  excludedPrefixes: [],
  ipNeighbors: [],
  extraPrefixRequest: [],
  extraPrefixes: [],
  policies: [],
};

/** A connection context that asks for nothing. */
export const emptyContext: ConnectionContext = {
  ipContext: emptyIpContext,
  dnsContext: undefined,
  ethernetContext: undefined,
  extraContext: {},
  MTU: 0,
};

/** What a client sends the first time, with its path of one segment. */
export function newConnection(id: string, client: string, networkService: string): Connection {
  return {
    id,
    networkService,
    mechanism: undefined,
    context: emptyContext,
    labels: {},
    path: { index: 0, pathSegments: [{ name: client, id, token: '', expires: undefined, metrics: {} }] },
    networkServiceEndpointName: '',
    payload: '',
    state: 0,
  };
}

/** An endpoint for one network service, as the registry keeps it. */
export function endpointOf(name: string, networkService: string, url: string): NetworkServiceEndpoint {
  return {
    name,
    networkServiceNames: [networkService],
    networkServiceLabels: {},
    url,
    expirationTime: undefined,
    initialRegistrationTime: undefined,
    pathIds: [],
  };
}
