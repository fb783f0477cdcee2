import {
  type Connection,
  Connection as ConnectionCodec,
  MonitorScopeSelector,
} from '../../../apis/generated/connection.js';
import { ConnectionContext } from '../../../apis/generated/connectioncontext.js';
import { NetworkServiceRequest } from '../../../apis/generated/networkservice.js';
import { NetworkService, NetworkServiceEndpoint } from '../../../apis/generated/registry.js';
import { emptyContext, emptyIpContext, newConnection } from '../../../simulation/messages.js';
import type { Random } from '../../chaos/random.js';
import { garble, mutate, oneOf } from './mutate.js';

/** What is sent to which method. */
export interface FuzzedCall {
  readonly method: 'Request' | 'Close' | 'MonitorConnections';
  readonly bytes: Uint8Array;
}

/** What an honest message takes. */
export interface Honest {
  readonly networkServices: readonly string[];
  readonly tokens: readonly string[];
  /** A namespace that travels with every call. */
  readonly inodeURL: string;
}

/** Ids of connections: few, so that calls meet. */
const ids = Array.from({ length: 12 }, (_, n) => `fuzzed-${n}`);

const context = {
  ...emptyContext,
  ipContext: {
    ...emptyIpContext,
    srcIpAddrs: ['172.16.0.1/32'],
    dstIpAddrs: ['172.16.0.2/32'],
    srcRoutes: [{ prefix: '172.16.0.2/32', nextHop: '' }],
    ipNeighbors: [{ ip: '172.16.0.2', hardwareAddress: '02:00:00:00:00:02' }],
    policies: [{ from: '172.16.0.1', proto: '6', srcPort: '', dstPort: '80', routes: [] }],
  },
  ethernetContext: { srcMac: '', dstMac: '', vlanTag: 0 },
  dnsContext: { configs: [{ dnsServerIps: ['10.0.0.53'], searchDomains: ['test'] }] },
  extraContext: { kept: 'yes' },
};

/** One call with something wrong, most of the time. */
export function fuzzedCall(honest: Honest, random: Random): FuzzedCall {
  const method = oneOf(['Request', 'Request', 'Request', 'Close', 'MonitorConnections'] as const, random);
  const bytes = encoded(method, honest, random);
  return { method, bytes: random.chance(0.25) ? garble(bytes, random) : bytes };
}

function encoded(method: FuzzedCall['method'], honest: Honest, random: Random): Uint8Array {
  const spoilt = <T>(message: T) => (random.chance(0.95) ? mutate(message, random) : message);
  const connection = ConnectionCodec.fromPartial(connectionOf(honest, random));
  try {
    if (method === 'Close') return ConnectionCodec.encode(spoilt(connection)).finish();
    if (method === 'Request') {
      const mechanismPreferences = [preference(honest, random)];
      return NetworkServiceRequest.encode(
        spoilt(NetworkServiceRequest.fromPartial({ connection, mechanismPreferences })),
      ).finish();
    }
    const { pathSegments = [] } = connection.path ?? {};
    const networkServices = [...honest.networkServices];
    return MonitorScopeSelector.encode(spoilt({ pathSegments, networkServices })).finish();
  } catch {
    return garble(Buffer.from(JSON.stringify(connection)), random); // what cannot be encoded goes as it is
  }
}

function connectionOf({ networkServices }: Honest, random: Random): Connection {
  return { ...newConnection(oneOf(ids, random), 'fuzzer', oneOf(networkServices, random)), context };
}

function preference({ tokens, inodeURL }: Honest, random: Random) {
  if (random.chance(0.7)) return { cls: 'LOCAL', type: 'NOOP', parameters: {} };
  const parameters = { name: 'nsm-1', inodeURL, tokenID: oneOf(tokens, random) };
  return { cls: 'LOCAL', type: oneOf(['KERNEL', 'KERNEL', 'VFIO'], random), parameters };
}

/** Reads and writes messages of one type. */
interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** The message with something wrong in it that can be sent. */
function changed<T>(codec: Codec<T>, honest: T, random: Random): T {
  try {
    return codec.decode(codec.encode(mutate(honest, random)).finish());
  } catch {
    return honest;
  }
}

/** What a registry may answer. */
export function fuzzedService(name: string, random: Random): NetworkService {
  const routes = [{ destinationSelector: { app: '{{ .app }}' }, weight: 1 }];
  const matches = [{ sourceSelector: { app: 'a' }, routes, fallthrough: true, metadata: { labels: { a: 'b' } } }];
  const honest = NetworkService.fromPartial({ name, payload: 'ETHERNET', matches });
  return { ...changed(NetworkService, honest, random), name };
}

/** And of endpoints, under any name. */
export function fuzzedEndpoint(service: string, random: Random): NetworkServiceEndpoint {
  const networkServiceLabels = { [service]: { labels: { app: 'a' } } };
  const honest = { url: 'tcp://127.0.0.1:1', networkServiceNames: [service], networkServiceLabels };
  const endpoint = changed(NetworkServiceEndpoint, NetworkServiceEndpoint.fromPartial(honest), random);
  return { ...endpoint, name: `fuzzed-endpoint-${random.below(4)}`, networkServiceNames: [service] };
}

/** A context as an endpoint may answer it. */
export function fuzzedContext(random: Random): ConnectionContext {
  const honest = ConnectionContext.fromPartial(context);
  return random.chance(0.7) ? honest : changed(ConnectionContext, honest, random);
}
