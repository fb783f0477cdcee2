import {
  type HealthCheckResponse,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../apis/generated/health.js';
import { ForwarderError } from '../../ports/error.js';
import type { Peer } from '../../transport/peer.js';
import { type Service, service } from '../../transport/service.js';

/** Names that probes of NSM components ask for; the empty one means the whole process. */
const known: ReadonlySet<string> = new Set(['', 'networkservice.NetworkService', 'connection.MonitorConnection']);

/** Says whether this process takes Requests. */
export class Health {
  readonly #watchers = new Set<() => void>();
  #serving = false;

  get serving(): boolean {
    return this.#serving;
  }

  set(serving: boolean): void {
    this.#serving = serving;
    for (const changed of this.#watchers) changed();
  }

  /** `grpc.health.v1.Health` (grpc/doc/health-checking.md): Check, and Watch until the caller leaves. */
  service(): Service<Peer> {
    return service(HealthService, {
      check: async (request) => {
        if (known.has(request.service)) return this.#answer();
        throw new ForwarderError('not-found', `no service named ${JSON.stringify(request.service)} here`);
      },
      watch: (request, call) => this.#watch(request.service, call.signal),
    });
  }

  async *#watch(name: string, signal: AbortSignal): AsyncGenerator<HealthCheckResponse> {
    if (!known.has(name)) {
      yield { status: ServingStatus.SERVICE_UNKNOWN };
      await aborted(signal);
      return;
    }
    while (!signal.aborted) {
      yield this.#answer();
      await this.#changed(signal);
    }
  }

  #answer(): HealthCheckResponse {
    return { status: this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING };
  }

  async #changed(signal: AbortSignal): Promise<void> {
    const before = this.#serving;
    while (!signal.aborted && this.#serving === before) await this.#nextChange(signal);
  }

  async #nextChange(signal: AbortSignal): Promise<void> {
    let wake: () => void = () => undefined;
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#watchers.add(wake);
    signal.addEventListener('abort', wake, { once: true });
    await changed;
    signal.removeEventListener('abort', wake);
    this.#watchers.delete(wake);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
