import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { allocationProfile, cpuProfile, heapSnapshot } from './profiles.js';

export interface ProfileServerOptions {
  /** An empty host means every interface, port 0 any free one. */
  readonly listenOn: { readonly host: string; readonly port: number };
  readonly clock: Clock;
  readonly log: Log;
}

/** Longest profile, in seconds. */
const longest = 3600;

const index = `profiles of this process:
  /debug/pprof/profile?seconds=30  where the processor's time goes (.cpuprofile)
  /debug/pprof/allocs?seconds=30   what is allocated and kept (.heapprofile)
  /debug/pprof/heap                every object, tokens and keys among them (.heapsnapshot); all else waits meanwhile
  /debug/pprof/cmdline             the command line
open them with the developer tools of Chromium or with Visual Studio Code
`;

/** One thing that is served; the signal fires when nobody waits for it any more. */
type Route = (query: URLSearchParams, response: ServerResponse, signal: AbortSignal) => Promise<void>;

/** Profiles over plain HTTP, at the paths that Go's pprof has, in the formats that V8 has. */
export class ProfileServer implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #server: Server;
  readonly #ending = new AbortController();
  readonly #running = new Set<string>();
  readonly #routes: ReadonlyMap<string, Route>;

  private constructor({ clock, log }: ProfileServerOptions) {
    this.#clock = clock;
    this.#log = log;
    // No time limits: a profile takes as long as was asked for.
    this.#server = createServer({ requestTimeout: 0 }, (request, response) => void this.#answer(request, response));
    this.#routes = new Map<string, Route>([
      ['/debug/pprof/', (_query, response) => text(response, index)],
      ['/debug/pprof/cmdline', (_query, response) => text(response, process.argv.join('\0'))],
      ['/debug/pprof/profile', this.#timed(cpuProfile, 'cpu.cpuprofile')],
      ['/debug/pprof/allocs', this.#timed(allocationProfile, 'allocations.heapprofile')],
      ['/debug/pprof/heap', (_query, response) => pipeline(heapSnapshot(), file(response, 'heap.heapsnapshot'))],
    ]);
  }

  /** @throws Error when it cannot listen there */
  static async start(options: ProfileServerOptions): Promise<ProfileServer> {
    const { host, port } = options.listenOn;
    const it = new ProfileServer(options);
    it.#server.listen(host === '' ? { port } : { host, port });
    await once(it.#server, 'listening');
    return it;
  }

  /** Where it listens, with the real port. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Ends profiles that are being taken, and every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(new ForwarderError('cancelled', 'the process ends'));
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new ForwarderError('cancelled', 'the caller left')));
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = this.#routes.get(url.pathname);
    try {
      if (request.method !== 'GET') return refuse(response, 405, `${request.method}: only GET is served`);
      if (route === undefined) return refuse(response, 404, `${url.pathname} is not served: see /debug/pprof/`);
      this.#log.info('profile asked for', { path: url.pathname });
      await route(url.searchParams, response, AbortSignal.any([gone.signal, this.#ending.signal]));
    } catch (thrown) {
      const { kind, message } = toForwarderError(thrown);
      refuse(response, kind === 'invalid' ? 400 : kind === 'busy' ? 429 : 500, message);
    }
  }

  /** One of a kind at a time: two would measure each other. */
  #timed(take: (wait: () => Promise<void>) => Promise<string>, name: string): Route {
    return async (query, response, signal) => {
      const ms = 1000 * secondsIn(query);
      if (this.#running.has(name)) throw new ForwarderError('busy', `${name} is being taken for somebody else`);
      this.#running.add(name);
      try {
        const profile = await take(() => this.#clock.sleep(ms, signal));
        file(response, name).end(profile);
      } finally {
        this.#running.delete(name);
      }
    };
  }
}

function secondsIn(query: URLSearchParams): number {
  const given = query.get('seconds') ?? '30';
  const seconds = Number(given);
  if (given !== '' && seconds > 0 && seconds <= longest) return seconds;
  throw new ForwarderError('invalid', `seconds=${given}: must be a number above 0, at most ${longest}`);
}

function file(response: ServerResponse, name: string): ServerResponse {
  return response.writeHead(200, {
    'content-type': 'application/json',
    'content-disposition': `attachment; filename="${name}"`,
  });
}

async function text(response: ServerResponse, body: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(body);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  if (!response.headersSent) response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}
