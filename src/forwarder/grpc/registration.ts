import {
  type NetworkServiceEndpoint,
  NetworkServiceEndpointRegistryService as Registry,
} from '../../../apis/generated/registry.js';
import { readToken } from '../../policies/jwt.js';
import { judge, type Policy } from '../../policies/policy.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Channels } from '../../transport/channels.js';
import type { Connection } from '../../transport/connection.js';
import type { Peer } from '../../transport/peer.js';
import { milliseconds } from '../chain/timestamp.js';
import { Patience } from './patience.js';
import { endpointNamed } from './registry-messages.js';
import {
  emptyRegistryPath,
  formatRegistryPath,
  parseRegistryPath,
  pathHeader,
  type RegistryPath,
} from './registry-path.js';

/** What the registry shall know of us, and how it is reached. */
export interface RegistrationParts {
  readonly channels: Pick<Channels, 'use'>;
  readonly manager: string;
  readonly name: string;
  readonly services: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Where we listen: `unix:///path` is passed as a descriptor, other URLs as they are. */
  readonly url: string;
  /**
   * The manager sees the path as we do: `unix:///path` goes as it is too, and stays the same over a restart. A manager to
   * whom a forwarder's URL has changed dials the old one first, and refuses the Request that made it do so.
   */
  readonly byPath: boolean;
  /** They judge every answer; one that they refuse is taken back and asked for again. */
  readonly policies: readonly Policy[];
  /** Told of the SPIFFE ID behind which the manager is, before it is asked anything. */
  readonly onManager: (spiffeId: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What the manager said. */
interface Answer {
  readonly endpoint: NetworkServiceEndpoint;
  readonly path: RegistryPath;
}

/** Longest wait for one answer. */
const tryMs = 15_000;
/** A manager that is away comes back any moment, and asking whether it is there costs next to nothing. */
const absenceMs = 400;
const shortestLifeMs = 300;
/** Without an expiry in the answer, managers keep a registration for a minute. */
const usualLifeMs = 60_000;

/**
 * Keeps this forwarder registered with the manager under one name: again at two thirds of each lifetime, and at once when
 * the manager stops telling of us, because it or the registry behind it was restarted.
 */
export class Registration {
  readonly #parts: RegistrationParts;
  readonly #stopped = new AbortController();
  readonly #tries: Patience;
  readonly #watches: Patience;
  #accepted: Answer | undefined;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
    this.#tries = new Patience(parts.clock, absenceMs);
    this.#watches = new Patience(parts.clock);
  }

  /**
   * Registers, however long it takes, then goes on refreshing until the signal aborts or it is stopped. Resolves when first
   * registered.
   *
   * @throws ForwarderError the signal's reason, or `cancelled` when it is stopped first
   */
  async start(): Promise<void> {
    const signal = AbortSignal.any([this.#parts.signal, this.#stopped.signal]);
    await this.#untilRegistered(signal);
    void this.#keepFresh(signal).catch(() => undefined); // ends with the signal
  }

  /**
   * Takes the registration back, so that nobody is sent to a process that is gone.
   *
   * @throws ForwarderError what the manager says, or the signal's reason
   */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped.abort(new ForwarderError('cancelled', `${this.#parts.name} is no longer registered`));
    const accepted = this.#accepted;
    if (accepted === undefined) return;
    this.#accepted = undefined;
    await this.#parts.channels.use(this.#parts.manager, signal, (connection) =>
      this.#unregister(connection, accepted, signal),
    );
  }

  async #keepFresh(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#untilDue(signal);
      await this.#untilRegistered(signal);
    }
  }

  /** Resolves when it is time to refresh, or earlier when the manager stops telling of us. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    const { clock, log, name } = this.#parts;
    using due = clock.deadline('a registration', this.#refreshIn(), signal);
    const began = clock.now();
    const lost = await this.#watch(due.signal).catch(toForwarderError);
    signal.throwIfAborted();
    if (due.signal.aborted) return;
    log.info(`registering again: ${lost.message}`, { endpoint: name });
    await this.#watches.afterFailure(lost, { lasted: clock.now() - began, signal: due.signal }).catch(() => undefined);
  }

  /** Follows what the manager tells of us; returns why it tells no more. */
  async #watch(signal: AbortSignal): Promise<ForwarderError> {
    const { channels, manager, name } = this.#parts;
    const query = { networkServiceEndpoint: endpointNamed({ name }), watch: true };
    return channels.use(manager, signal, async (connection) => {
      for await (const answer of connection.stream(Registry.find, query, { signal })) {
        if (answer.deleted && answer.networkServiceEndpoint?.name === name)
          return new ForwarderError('not-found', 'the registry has forgotten us');
      }
      return new ForwarderError('unavailable', 'the manager tells no more of us');
    });
  }

  #refreshIn(): number {
    const expires = this.#accepted?.endpoint.expirationTime;
    const life = expires === undefined ? usualLifeMs : milliseconds(expires) - this.#parts.clock.wallTime();
    return (Math.max(shortestLifeMs, life) * 2) / 3;
  }

  async #untilRegistered(signal: AbortSignal): Promise<void> {
    const { log, name } = this.#parts;
    for (;;) {
      try {
        await this.#register(signal);
        if (this.#tries.failures > 0) log.info('registered again', { endpoint: name, failures: this.#tries.failures });
        this.#tries.reset();
        return;
      } catch (thrown) {
        signal.throwIfAborted();
        const error = toForwarderError(thrown);
        log.warn(`registration failed, it is tried again: ${error.message}`, { endpoint: name });
        await this.#tries.afterFailure(error, { lasted: 0, signal });
      }
    }
  }

  /** Without a deadline for the manager: it would end the registration by so much earlier than it says. */
  async #register(signal: AbortSignal): Promise<void> {
    const { channels, manager, clock, onManager } = this.#parts;
    using deadline = clock.deadline(`registering with ${manager}`, tryMs, signal);
    await channels.use(manager, deadline.signal, async (connection) => {
      onManager(connection.peer.spiffeId);
      const answer = await this.#ask(connection, deadline.signal);
      const denial = this.#denial(answer, connection.peer);
      if (denial === undefined) {
        this.#accepted = answer;
        return;
      }
      // Nobody shall be sent here on the word of a registry that we do not believe.
      if (this.#accepted === undefined) {
        await this.#unregister(connection, answer, deadline.signal).catch(() => undefined);
      }
      throw denial;
    });
  }

  async #ask(connection: Connection, signal: AbortSignal): Promise<Answer> {
    let path: string | undefined;
    const endpoint = await connection.unary(Registry.register, this.#message(connection), {
      signal,
      metadata: { [pathHeader]: formatRegistryPath(this.#accepted?.path ?? emptyRegistryPath) },
      onHeaders: (headers) => {
        path = headers[pathHeader];
      },
    });
    return { endpoint, path: path === undefined ? emptyRegistryPath : parseRegistryPath(path) };
  }

  async #unregister(connection: Connection, { endpoint, path }: Answer, signal: AbortSignal): Promise<void> {
    const announced = { ...endpoint, url: this.#announce(connection) };
    await connection.unary(Registry.unregister, announced, {
      signal,
      metadata: { [pathHeader]: formatRegistryPath(path) },
    });
  }

  #denial({ endpoint, path }: Answer, peer: Peer): ForwarderError | undefined {
    const { policies, clock } = this.#parts;
    const tokens = path.tokens.map(readToken);
    const id = tokens[0]?.claims?.subject;
    const owner = this.#accepted?.endpoint.pathIds[0];
    const denial = judge(policies, {
      tokens,
      index: path.index,
      peer,
      now: clock.wallTime(),
      registration: { ...(id !== undefined && { id }), ...(owner !== undefined && { owner }) },
    });
    if (denial === undefined) return undefined;
    const what = `the answer of ${peer.spiffeId} to registering ${endpoint.name} is not accepted`;
    return new ForwarderError('denied', `${what}: ${denial.policy}: ${denial.reason}`);
  }

  /** The last answer without its end, as the registry expects a refresh; at first what we are. */
  #message(connection: Connection): NetworkServiceEndpoint {
    const { name, services, labels } = this.#parts;
    const url = this.#announce(connection);
    if (this.#accepted === undefined) return endpointNamed({ name, services, labels, url });
    return { ...this.#accepted.endpoint, name, url, expirationTime: undefined };
  }

  #announce(connection: Connection): string {
    const { url, byPath } = this.#parts;
    if (byPath || !url.startsWith('unix://')) return url;
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
