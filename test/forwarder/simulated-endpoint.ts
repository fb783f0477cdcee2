import type { Connection } from '../../apis/generated/connection.js';
import { ConnectionContext, IPContext } from '../../apis/generated/connectioncontext.js';
import type { NextHops } from '../../src/forwarder/elements/connect-onward.js';
import type { Directory } from '../../src/forwarder/elements/discover.js';
import { endpointNamed, serviceNamed } from '../../src/forwarder/grpc/registry-messages.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { CallGate } from '../sim/call-gate.js';

/** An endpoint and the registry that knows it. It refuses to know a connection twice and to forget an unknown one. */
export class SimulatedEndpoint {
  readonly directory: Directory;
  readonly nextHops: NextHops;
  /** What it answers; a refresh may find another one. */
  context: Partial<ConnectionContext> = { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') };
  /** Refuses Requests with this error. */
  refusal: ForwarderError | undefined;
  /** Names under which it is registered. */
  names: readonly string[] = ['endpoint'];
  readonly #open = new Map<string, Connection>();

  constructor(gate: CallGate) {
    this.directory = {
      findService: (name, _payload, signal) =>
        gate.call(`directory.findService ${name}`, signal, () => serviceNamed(name, 'ETHERNET')),
      findEndpointByName: (name, signal) =>
        gate.call(`directory.findEndpointByName ${name}`, signal, () =>
          this.names.includes(name) ? this.#registered(name) : undefined,
        ),
      findEndpoints: (service, signal) =>
        gate.call(`directory.findEndpoints ${service}`, signal, () => this.names.map((name) => this.#registered(name))),
    };
    this.nextHops = {
      request: (url, { connection }, signal) =>
        gate.call(`nextHops.request ${url}`, signal, () => this.#request(connection)),
      close: (url, connection, signal) =>
        gate.call(`nextHops.close ${url}`, signal, () => {
          this.#open.delete(connection.id);
        }),
    };
  }

  /** Connections that it holds. */
  open(): readonly string[] {
    return [...this.#open.keys()];
  }

  /** The connection as it was asked for last. */
  asked(id: string): Connection | undefined {
    return this.#open.get(id);
  }

  #registered(name: string) {
    return endpointNamed({ name, services: ['service'], url: `unix:///run/${name}.sock` });
  }

  #request(connection: Connection | undefined): Connection {
    if (connection === undefined) throw new ForwarderError('invalid', 'no connection');
    if (this.refusal !== undefined) {
      throw new ForwarderError(this.refusal.kind, this.refusal.message, { details: { answered: true } });
    }
    this.#open.set(connection.id, connection);
    return {
      ...connection,
      mechanism: { cls: 'LOCAL', type: 'NOOP', parameters: {} },
      context: { ...ConnectionContext.fromPartial({}), ...connection.context, ...this.context },
    };
  }
}

/** An IP context with one address at each end. */
export function addresses(source: string, destination: string, more: Partial<IPContext> = {}): IPContext {
  return { ...IPContext.fromPartial({}), srcIpAddrs: [source], dstIpAddrs: [destination], ...more };
}
