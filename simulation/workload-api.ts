import { SpiffeWorkloadAPIService, type X509SVIDResponse } from '../apis/generated/workload.js';
import { ForwarderError } from '../src/ports/error.js';
import type { X509Material } from '../src/ports/identity.js';
import { listenPlain, type PlainListener } from '../src/transport/listen-plain.js';
import { type Handlers, type IncomingCall, service } from '../src/transport/service.js';

type Definition = typeof SpiffeWorkloadAPIService;

/**
 * A SPIFFE Workload API that grants what it is told to. One server is one workload's view of its agent: several workloads
 * have several sockets, as the real agent tells workloads apart by what is behind the connection.
 */
export class WorkloadApi implements AsyncDisposable {
  readonly #address: string;
  #material: X509Material | undefined;
  #running: { listener: PlainListener; abort: AbortController } | undefined;
  readonly #watchers = new Set<() => void>();
  /** How many streams have been opened so far, refused ones included. */
  requests = 0;

  private constructor(address: string, material: X509Material | undefined) {
    this.#address = address;
    this.#material = material;
  }

  /** @param material what it grants; nothing yet without it: callers are refused with PERMISSION_DENIED as by an agent without an entry */
  static async start(address: string, material?: X509Material): Promise<WorkloadApi> {
    const api = new WorkloadApi(address, material);
    await api.start();
    return api;
  }

  /** Where it listens, as SPIFFE_ENDPOINT_SOCKET has it. */
  get url(): string {
    return this.#running?.listener.url ?? this.#address;
  }

  /** Grants another identity and tells every open stream. */
  rotate(material: X509Material): void {
    this.#material = material;
    for (const wake of [...this.#watchers]) wake();
  }

  /** Listens again after {@link stop}. */
  async start(): Promise<void> {
    const abort = new AbortController();
    const handlers: Handlers<Definition, undefined> = { fetchX509Svid: (_request, call) => this.#stream(call) };
    const services = [service<Definition, undefined>(SpiffeWorkloadAPIService, handlers)];
    const listener = await listenPlain({ address: this.#address, services, signal: abort.signal });
    this.#running = { listener, abort };
  }

  /** Goes away with all its streams. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.listener[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async *#stream(call: IncomingCall<undefined>): AsyncGenerator<X509SVIDResponse> {
    this.requests += 1;
    if (call.metadata['workload.spiffe.io'] !== 'true') {
      throw new ForwarderError('invalid', 'security header missing from request');
    }
    if (this.#material === undefined) throw new ForwarderError('denied', 'no identity issued');
    while (!call.signal.aborted) {
      yield toResponse(this.#material);
      await this.#changed(call.signal);
    }
  }

  #changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
  }
}

function toResponse(material: X509Material): X509SVIDResponse {
  const own = new URL(material.spiffeId).hostname;
  const federated = [...material.bundles].filter(([name]) => name !== own);
  return {
    svids: [
      {
        spiffeId: material.spiffeId,
        x509Svid: Buffer.concat(material.certificates),
        x509SvidKey: Buffer.from(material.privateKey),
        bundle: Buffer.concat(material.bundles.get(own) ?? []),
        hint: '',
      },
    ],
    crl: [],
    federatedBundles: Object.fromEntries(federated.map(([name, list]) => [`spiffe://${name}`, Buffer.concat(list)])),
  };
}
