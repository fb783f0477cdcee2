import {
  type NetworkServiceEndpoint,
  NetworkServiceEndpointRegistryService,
} from '../../../apis/generated/registry.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Channels } from '../../transport/channels.js';
import type { Connection } from '../../transport/connection.js';
import { milliseconds } from '../chain/timestamp.js';
import { endpointNamed } from './registry-messages.js';

/** What the registry shall know of us, and how it is reached. */
export interface RegistrationParts {
  readonly channels: Channels;
  readonly manager: string;
  readonly name: string;
  readonly services: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Where we listen: `unix:///path` is passed as a descriptor, other URLs as they are. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** The registry's own path of tokens travels as metadata of this name, JSON in Go's field names (nsm-wire 4.2). */
const pathHeader = 'path';
const emptyPath = JSON.stringify({ Index: 0, PathSegments: null });

const tryMs = 15_000;
const shortestPauseMs = 200;
const longestPauseMs = 5_000;
/** Without an expiry in the answer, managers keep a registration for a minute. */
const usualLifeMs = 60_000;

/** Keeps this forwarder registered with the manager: again at two thirds of each lifetime, at once after a failure. */
export class Registration {
  readonly #parts: RegistrationParts;
  #path = emptyPath;
  #registered: NetworkServiceEndpoint | undefined;
  #failures = 0;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  /** Registers, however long it takes, then goes on refreshing until the signal aborts. Resolves when first registered. */
  async start(): Promise<void> {
    await this.#untilRegistered();
    void this.#keepFresh().catch(() => undefined); // ends with the signal
  }

  /** Takes the registration back, so that nobody is sent to a process that is gone. */
  async stop(signal: AbortSignal): Promise<void> {
    const registered = this.#registered;
    if (registered === undefined) return;
    this.#registered = undefined;
    await this.#parts.channels.use(this.#parts.manager, signal, async (connection) => {
      const endpoint = { ...registered, url: this.#announce(connection) };
      const metadata = { [pathHeader]: this.#path };
      await connection.unary(NetworkServiceEndpointRegistryService.unregister, endpoint, { signal, metadata });
    });
  }

  async #keepFresh(): Promise<void> {
    const { clock, signal } = this.#parts;
    for (;;) {
      await clock.sleep(this.#nextRefresh(), signal);
      await this.#untilRegistered();
    }
  }

  #nextRefresh(): number {
    const expires = this.#registered?.expirationTime;
    const life = expires === undefined ? usualLifeMs : milliseconds(expires) - this.#parts.clock.wallTime();
    return Math.max(shortestPauseMs, (life * 2) / 3);
  }

  async #untilRegistered(): Promise<void> {
    const { clock, signal, log } = this.#parts;
    for (let pause = shortestPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
      try {
        await this.#register();
        if (this.#failures > 0) log.info('registered again', { failures: this.#failures });
        this.#failures = 0;
        return;
      } catch (thrown) {
        if (signal.aborted) throw toForwarderError(signal.reason);
        this.#failures += 1;
        log.warn(`registration failed, it is tried again: ${toForwarderError(thrown).message}`, { pause });
        await clock.sleep(pause, signal);
      }
    }
  }

  async #register(): Promise<void> {
    const { channels, manager, clock, signal } = this.#parts;
    using deadline = clock.deadline(`registering with ${manager}`, tryMs, signal);
    this.#registered = await channels.use(manager, deadline.signal, (connection) =>
      connection.unary(NetworkServiceEndpointRegistryService.register, this.#message(connection), {
        signal: deadline.signal,
        metadata: { [pathHeader]: this.#path },
        onHeaders: (headers) => {
          this.#path = headers[pathHeader] ?? this.#path;
        },
      }),
    );
  }

  /** The last answer without its end, as the registry expects a refresh; at first what we are. */
  #message(connection: Connection): NetworkServiceEndpoint {
    const { name, services, labels } = this.#parts;
    const url = this.#announce(connection);
    if (this.#registered === undefined) return endpointNamed({ name, services, labels, url });
    return { ...this.#registered, name, url, expirationTime: undefined };
  }

  #announce(connection: Connection): string {
    const { url } = this.#parts;
    if (!url.startsWith('unix://')) return url;
    try {
      return connection.sendFile(url.slice('unix://'.length));
    } catch (thrown) {
      const error = toForwarderError(thrown);
      if (error.kind === 'unsupported') return url; // a manager reached over TCP: the path has to be shared
      throw new ForwarderError(error.kind, `cannot pass our socket ${url} to the manager: ${error.message}`, {
        cause: error,
      });
    }
  }
}
