import {
  type HealthCheckResponse,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../../apis/generated/health.js';
import { ForwarderError } from '../../ports/error.js';
import type { Peer } from '../../transport/peer.js';
import { type Service, service } from '../../transport/service.js';
import { Bell } from './bell.js';

/** Names that probes of NSM components ask for; the empty one means the whole process. */
const known: ReadonlySet<string> = new Set(['', 'networkservice.NetworkService', 'connection.MonitorConnection']);

/** Says whether this process takes Requests. */
export class Health {
  readonly #watchers = new Set<Bell>();
  #serving = false;

  get serving(): boolean {
    return this.#serving;
  }

  set(serving: boolean): void {
    this.#serving = serving;
    for (const bell of this.#watchers) bell.ring();
  }

  /**
   * `grpc.health.v1.Health` (grpc/doc/health-checking.md): Check, and Watch until the caller leaves or the process is about
   * to end.
   */
  service(draining: AbortSignal): Service<Peer> {
    return service(HealthService, {
      check: async (request) => {
        if (known.has(request.service)) return { status: this.#status };
        throw new ForwarderError('not-found', `no service named ${JSON.stringify(request.service)} here`);
      },
      watch: (request, call) => this.#watch(request.service, [call.signal, draining]),
    });
  }

  async *#watch(name: string, ends: readonly AbortSignal[]): AsyncGenerator<HealthCheckResponse> {
    const bell = new Bell();
    using _ends = bell.ringOn(ends);
    this.#watchers.add(bell);
    try {
      let told: ServingStatus | undefined;
      while (!ends.some((signal) => signal.aborted)) {
        const status = known.has(name) ? this.#status : ServingStatus.SERVICE_UNKNOWN;
        if (status !== told) yield { status };
        told = status;
        await bell.rings();
      }
    } finally {
      this.#watchers.delete(bell);
    }
  }

  get #status(): ServingStatus {
    return this.#serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }
}
