import type { Connection } from '../../apis/generated/connection.js';
import { ConnectionContext, IPContext } from '../../apis/generated/connectioncontext.js';
import type { NetworkServiceEndpoint } from '../../apis/generated/registry.js';
import { timestamp } from '../../src/forwarder/chain/timestamp.js';
import type { NextHops } from '../../src/forwarder/elements/connect-onward.js';
import type { Directory } from '../../src/forwarder/elements/discover.js';
import { endpointNamed, serviceNamed } from '../../src/forwarder/grpc/registry-messages.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { CallGate } from '../sim/call-gate.js';

/** A message as it arrived at an endpoint. */
export interface Received {
  readonly url: string;
  readonly connection: Connection;
}

/** Endpoints of one service and the registry that knows them. A Close for a connection that none holds is no error. */
export class SimulatedEndpoint {
  /** What they answer; a refresh may find another one. */
  context: Partial<ConnectionContext> = { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') };
  /** What they answer to one connection, where that is not the same for all. */
  contextOf: (connection: Connection) => Partial<ConnectionContext> = () => this.context;
  /** Refuses Requests with this error, at every endpoint. */
  refusal: ForwarderError | undefined;
  /** Names under which they are registered. */
  names: readonly string[] = ['endpoint'];
  /** Those that refuse by themselves, with their words. */
  readonly refusing = new Map<string, string>();
  /** Where they listen, if not in the usual place. */
  readonly urls = new Map<string, string>();
  /** When their registrations end, ms since the epoch. */
  readonly ends = new Map<string, number>();
  /** Requests and Closes in order of arrival. */
  readonly requests: Received[] = [];
  readonly closes: Received[] = [];
  readonly #open = new Map<string, Received>();

  /** How a process reaches them. */
  reachedBy(gate: CallGate): { readonly directory: Directory; readonly nextHops: NextHops } {
    return { directory: this.#directory(gate), nextHops: this.#nextHops(gate) };
  }

  /** Connections that they hold. */
  open(): readonly string[] {
    return [...this.#open.values()].map(({ connection }) => connection.id);
  }

  /** Where a connection is held. */
  holding(id: string): readonly string[] {
    return [...this.#open.values()].filter(({ connection }) => connection.id === id).map(({ url }) => url);
  }

  #directory(gate: CallGate): Directory {
    return {
      findService: (name, _payload, signal) =>
        gate.call(`directory.findService ${name}`, signal, () => serviceNamed(name, 'ETHERNET')),
      findEndpointByName: (name, signal) =>
        gate.call(`directory.findEndpointByName ${name}`, signal, () =>
          this.names.includes(name) ? this.#registered(name) : undefined,
        ),
      findEndpoints: (service, signal) =>
        gate.call(`directory.findEndpoints ${service}`, signal, () => this.names.map((name) => this.#registered(name))),
    };
  }

  #nextHops(gate: CallGate): NextHops {
    return {
      request: (url, { connection }, { signal }) =>
        gate.call(`nextHops.request ${url}`, signal, () => this.#request(url, connection)),
      close: (url, connection, { signal }) =>
        gate.call(`nextHops.close ${url}`, signal, () => {
          this.closes.push({ url, connection });
          this.#open.delete(`${url} ${connection.id}`);
        }),
    };
  }

  #registered(name: string): NetworkServiceEndpoint {
    const url = this.urls.get(name) ?? usualUrl(name);
    const end = this.ends.get(name);
    return {
      ...endpointNamed({ name, services: ['service'], url }),
      ...(end !== undefined && { expirationTime: timestamp(end) }),
    };
  }

  #request(url: string, connection: Connection | undefined): Connection {
    if (connection === undefined) throw new ForwarderError('invalid', 'no connection');
    this.requests.push({ url, connection });
    const words = this.refusing.get(connection.networkServiceEndpointName);
    const refusal = words === undefined ? this.refusal : new ForwarderError('refused', words);
    if (refusal !== undefined) {
      throw new ForwarderError(refusal.kind, refusal.message, { details: { answered: true } });
    }
    this.#open.set(`${url} ${connection.id}`, { url, connection });
    return {
      ...connection,
      mechanism: { cls: 'LOCAL', type: 'NOOP', parameters: {} },
      context: { ...ConnectionContext.fromPartial({}), ...connection.context, ...this.contextOf(connection) },
    };
  }
}

/** Where an endpoint listens unless it is said otherwise. */
export function usualUrl(name: string): string {
  return `unix:///run/${name}.sock`;
}

/** An IP context with one address at each end. */
export function addresses(source: string, destination: string, more: Partial<IPContext> = {}): IPContext {
  return { ...IPContext.fromPartial({}), srcIpAddrs: [source], dstIpAddrs: [destination], ...more };
}
