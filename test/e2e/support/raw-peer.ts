import type {
  Connection,
  ConnectionEvent,
  Mechanism,
  MonitorScopeSelector,
} from '../../../apis/generated/connection.js';
import { MonitorConnectionService } from '../../../apis/generated/connection.js';
import { NetworkServiceService } from '../../../apis/generated/networkservice.js';
import { fixedIdentity } from '../../../simulation/identity.js';
import { SystemClock } from '../../../src/clock/system-clock.js';
import type { TokenIssuer, X509Material } from '../../../src/ports/identity.js';
import { Channels } from '../../../src/transport/channels.js';
import type { Connection as Channel } from '../../../src/transport/connection.js';
import { Es256TokenIssuer } from '../../../src/transport/es256-token-issuer.js';

/** Far longer than any call takes. */
const patienceMs = 60_000;

export interface RawPeerOptions {
  readonly identity: X509Material;
  /** Where the forwarder is reached. */
  readonly url: string;
  /** What it shows in the place of a token of its own. */
  readonly token?: (audience: string) => string;
}

/** A peer that sends whatever a test wants, on one connection, with an identity that may well be honest. */
export class RawPeer implements AsyncDisposable {
  readonly #url: string;
  readonly #channels: Channels;

  constructor({ identity, url, token }: RawPeerOptions) {
    const clock = new SystemClock();
    const source = fixedIdentity(identity);
    const tokens = token === undefined ? new Es256TokenIssuer({ source, clock, lifetimeMs: 600_000 }) : showing(token);
    this.#url = url;
    this.#channels = new Channels({ source, tokens, clock, dialTimeoutMs: patienceMs });
  }

  /** Runs work on its connection, which is there when the work begins. */
  use<T>(work: (channel: Channel, signal: AbortSignal) => Promise<T>): Promise<T> {
    const signal = AbortSignal.timeout(patienceMs);
    return this.#channels.use(this.#url, signal, (channel) => work(channel, signal));
  }

  request(connection: Connection, mechanismPreferences: Mechanism[] = []): Promise<Connection> {
    return this.use((channel, signal) =>
      channel.unary(NetworkServiceService.request, { connection, mechanismPreferences }, { signal, timeoutMs: 15_000 }),
    );
  }

  async close(connection: Connection): Promise<void> {
    await this.use((channel, signal) =>
      channel.unary(NetworkServiceService.close, connection, { signal, timeoutMs: 15_000 }),
    );
  }

  /** The first thing that a monitor with this selector is told. */
  monitor(selector: MonitorScopeSelector): Promise<ConnectionEvent | undefined> {
    return this.use(async (channel, signal) => {
      const events = channel.stream(MonitorConnectionService.monitorConnections, selector, { signal });
      for await (const event of events) return event;
      return undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#channels[Symbol.asyncDispose]();
  }
}

function showing(token: (audience: string) => string): TokenIssuer {
  return { issue: (audience = '') => ({ token: token(audience), expires: Date.now() + 600_000 }) };
}
