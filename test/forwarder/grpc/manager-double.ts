import type { NetworkServiceEndpoint, NetworkServiceEndpointResponse } from '../../../apis/generated/registry.js';
import type { CallOptions } from '../../../src/transport/caller.js';
import type { Channels } from '../../../src/transport/channels.js';
import { manager } from './incoming.js';

/** A call that reached the manager. */
export interface Told {
  readonly method: 'Register' | 'Unregister' | 'Find';
  readonly endpoint: NetworkServiceEndpoint;
  readonly path: string | undefined;
}

interface Watch {
  say(answer: NetworkServiceEndpointResponse): void;
  end(error?: Error): void;
}

/** The manager's registry as {@link Registration} calls it, in the test's hands. */
export class ManagerDouble {
  readonly told: Told[] = [];
  /** What Register throws; undefined: it answers. */
  refusal: Error | undefined;
  /** How long a registration lasts, ms from the wall time that is given. */
  lifetimeMs = 60_000;
  /** The `path` header of answers. */
  path: string | undefined = JSON.stringify({ Index: 0, PathSegments: [{ token: 'ours' }, { token: 'theirs' }] });
  readonly #wallTime: () => number;
  readonly #watches = new Set<Watch>();

  constructor(wallTime: () => number) {
    this.#wallTime = wallTime;
  }

  /** In the place of channels. */
  get channels(): Pick<Channels, 'use'> {
    const connection = {
      peer: manager,
      sendFile: (path: string) => `inode://1/${path.length}`,
      unary: (method: { path: string }, endpoint: NetworkServiceEndpoint, options: CallOptions) =>
        this.#unary(method.path, endpoint, options),
      stream: (_: unknown, query: { networkServiceEndpoint: NetworkServiceEndpoint }, options: CallOptions) =>
        this.#watch(query.networkServiceEndpoint, options.signal),
    };
    return { use: async (_target, _signal, work) => work(connection as never) } as Pick<Channels, 'use'>;
  }

  /** How many streams are open. */
  get watches(): number {
    return this.#watches.size;
  }

  count(method: Told['method']): number {
    return this.told.filter((it) => it.method === method).length;
  }

  /** Every stream ends, as with the manager itself. */
  endWatches(error?: Error): void {
    for (const watch of [...this.#watches]) watch.end(error);
  }

  say(answer: NetworkServiceEndpointResponse): void {
    for (const watch of [...this.#watches]) watch.say(answer);
  }

  async #unary(path: string, endpoint: NetworkServiceEndpoint, { metadata, onHeaders }: CallOptions): Promise<unknown> {
    const method = path.endsWith('/Unregister') ? 'Unregister' : 'Register';
    this.told.push({ method, endpoint, path: metadata?.['path'] });
    if (method === 'Unregister') return {};
    if (this.refusal !== undefined) throw this.refusal;
    onHeaders?.(this.path === undefined ? {} : { path: this.path });
    const ends = this.#wallTime() + this.lifetimeMs;
    const expirationTime = { seconds: Math.floor(ends / 1000), nanos: (ends % 1000) * 1e6 };
    return { ...endpoint, expirationTime, pathIds: ['spiffe://test/forwarder'] };
  }

  async *#watch(endpoint: NetworkServiceEndpoint, signal: AbortSignal): AsyncGenerator<NetworkServiceEndpointResponse> {
    this.told.push({ method: 'Find', endpoint, path: undefined });
    const answers: (NetworkServiceEndpointResponse | { readonly end: Error | undefined })[] = [];
    let wake: () => void = () => undefined;
    const add = (it: (typeof answers)[number]) => {
      answers.push(it);
      wake();
    };
    const watch = { say: add, end: (end?: Error) => add({ end }) };
    const leave = () => add({ end: signal.reason as Error });
    this.#watches.add(watch);
    signal.addEventListener('abort', leave, { once: true });
    try {
      for (;;) {
        for (let it = answers.shift(); it !== undefined; it = answers.shift()) {
          if (!('end' in it)) yield it;
          else if (it.end === undefined) return;
          else throw it.end;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#watches.delete(watch);
      signal.removeEventListener('abort', leave);
    }
  }
}
