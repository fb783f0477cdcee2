import {
  type Connection,
  type ConnectionEvent,
  ConnectionEventType,
  MonitorConnectionService,
  State,
} from '../../../apis/generated/connection.js';
import { toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Channels } from '../../transport/channels.js';
import type { ConnectionChange } from '../chain/connection-events.js';
import type { Forwarder } from '../forwarder.js';
import type { EndpointSockets } from './endpoint-sockets.js';

export interface NextHopWatchParts {
  /** The name of our path segment: the connections that we are asked about. */
  readonly name: string;
  readonly forwarder: Pick<Forwarder, 'connections' | 'events' | 'nextHopOf' | 'saidBelow'>;
  readonly channels: Pick<Channels, 'use'>;
  readonly sockets: Pick<EndpointSockets, 'target'>;
  readonly log: Log;
}

/** A stream of one next hop's events, and the connections that go there. */
interface Stream {
  readonly ids: Set<string>;
  readonly stop: AbortController;
}

/** How many streams are kept that nobody needs at the moment: the next client is likely to go there too. */
const mostIdle = 16;

/** No node has nearly as many next hops that tell nothing. */
const mostMute = 1024;

/**
 * Follows what next hops say of the connections that go there, so that clients learn at once when their endpoint is
 * gone. One stream for each next hop, as long as a connection goes there, and mostly longer. It goes on when a refresh
 * fails, and begins again with the next Request that succeeds when the next hop was away.
 */
export class NextHopWatch implements Disposable {
  readonly #parts: NextHopWatchParts;
  readonly #streams = new Map<string, Stream>();
  readonly #urls = new Map<string, string>();
  /** Next hops that serve no monitor, or none for us. */
  readonly #mute = new Set<string>();
  readonly #subscription: Disposable;

  constructor(parts: NextHopWatchParts) {
    this.#parts = parts;
    this.#subscription = parts.forwarder.events.subscribe((change) => this.#onChange(change));
    for (const { id } of parts.forwarder.connections.established()) this.#follow(id);
  }

  /** How many streams are open. */
  get size(): number {
    return this.#streams.size;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    for (const { stop } of this.#streams.values()) stop.abort();
    this.#streams.clear();
  }

  #onChange({ type, connection: { id, state } }: ConnectionChange): void {
    if (type === 'delete') this.#leave(id);
    else if (state === State.UP) this.#follow(id);
  }

  #follow(id: string): void {
    const url = this.#parts.forwarder.nextHopOf(id);
    if (url !== this.#urls.get(id)) this.#leave(id);
    if (url === undefined || this.#mute.has(url)) return;
    this.#urls.set(id, url);
    const known = this.#streams.get(url);
    if (known === undefined) this.#open(url, id);
    else known.ids.add(id);
  }

  #leave(id: string): void {
    const url = this.#urls.get(id) ?? '';
    this.#urls.delete(id);
    this.#streams.get(url)?.ids.delete(id);
    const idle = [...this.#streams].filter(([, { ids }]) => ids.size === 0);
    for (const [oldest, { stop }] of idle.slice(0, -mostIdle)) {
      this.#streams.delete(oldest);
      stop.abort();
    }
  }

  #open(url: string, id: string): void {
    const stream: Stream = { ids: new Set([id]), stop: new AbortController() };
    this.#streams.set(url, stream);
    void this.#read(url, stream).then((told) => {
      if (stream.stop.signal.aborted) return;
      this.#streams.delete(url);
      if (told) for (const it of stream.ids) this.#parts.forwarder.saidBelow(it, 'lost');
    });
  }

  /** Reads to the end. @returns whether anything came */
  async #read(url: string, { ids, stop: { signal } }: Stream): Promise<boolean> {
    const { name, channels, sockets, log } = this.#parts;
    const ours = { name, id: '', token: '', expires: undefined, metrics: {} };
    const selector = { pathSegments: [ours], networkServices: [] };
    let told = false;
    try {
      await channels.use(sockets.target(url), signal, async (connection) => {
        for await (const event of connection.stream(MonitorConnectionService.monitorConnections, selector, {
          signal,
        })) {
          told = true;
          this.#tell(event, ids);
        }
      });
    } catch (thrown) {
      const { kind, message } = toForwarderError(thrown);
      if (!signal.aborted) log.debug(`next hop is followed no more: ${message}`, { url });
      if (kind === 'unsupported' || kind === 'denied') this.#keepMute(url);
    }
    return told;
  }

  #tell({ type, connections }: ConnectionEvent, ids: ReadonlySet<string>): void {
    for (const connection of Object.values(connections)) {
      const id = ownIdIn(connection, ids);
      if (id === undefined) continue;
      const { context } = connection;
      const state = type === ConnectionEventType.DELETE ? State.DOWN : connection.state;
      // What was there before is no news; its context may be older than the answer that we have.
      if (type === ConnectionEventType.INITIAL_STATE_TRANSFER && state === State.UP) continue;
      this.#parts.forwarder.saidBelow(id, { state, context });
    }
  }

  #keepMute(url: string): void {
    if (this.#mute.size >= mostMute) this.#mute.clear();
    this.#mute.add(url);
  }
}

/** A next hop tells of its own place in the path, or of ours (nsm-wire 3.4). */
function ownIdIn({ path }: Connection, ids: ReadonlySet<string>): string | undefined {
  const { index = 0, pathSegments = [] } = path ?? {};
  return [pathSegments[index - 1]?.id, pathSegments[index]?.id].find((id) => id !== undefined && ids.has(id));
}
