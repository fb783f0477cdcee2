import type { SimulatedClient } from '../../simulation/client.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import { toForwarderError } from '../../src/ports/error.js';
import type { Random } from './random.js';

/** What a client has in mind to do next. */
interface Deed {
  readonly name: 'request' | 'refresh' | 'rename' | 'close';
  readonly run: (signal: AbortSignal) => Promise<unknown>;
}

export interface RestlessOptions {
  readonly client: SimulatedClient;
  readonly token: string;
  readonly random: Random;
  /** Longest pause between two deeds, ms. */
  readonly pauseMs: number;
  /** How long a call may take, ms; as usual unless told. */
  readonly timeoutMs?: number;
  /** Never closes, and never wants anything new: it only refreshes. */
  readonly faithful?: boolean;
}

/** Between a failure and the next attempt, ms. */
const healMs = 400;

/** How a call ends whose daemon dies. */
const connectionLost = /ECONNRESET|EPIPE|write after end|TLS handshake failed/;

/** What differs between refusals that are the same: PCI addresses, names that come of them, ids. */
const particulars =
  /[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|vf\d{9}|nsm-\d|(sriov-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

const names = ['nsm-1', 'nsm-2'] as const;

/**
 * A client that does this and that, and does it again after an error until it succeeds, with its last answer and its
 * descriptor: as NSM clients heal.
 */
export class RestlessClient {
  readonly client: SimulatedClient;
  /** How many calls have succeeded. */
  served = 0;
  /** How many calls were refused, by what was said; lost connections to the daemon are not among them. */
  readonly refusals = new Map<string, number>();
  readonly #options: RestlessOptions;
  readonly #clock = new SystemClock();
  #name: string = names[0];
  #doing = 'nothing';

  constructor(options: RestlessOptions) {
    this.#options = options;
    this.client = options.client;
  }

  /** The VF that it has, as the daemon has told it. */
  get vf(): string | undefined {
    return this.client.connection?.mechanism?.parameters['pciAddress'];
  }

  /** What its interface is called. */
  get interfaceName(): string {
    return this.#name;
  }

  /** For errors: what it is doing and what came of it so far. */
  get doing(): string {
    return `${this.client.id}: ${this.#doing}`;
  }

  /** Does one thing after the other until `rest` fires, and brings the last one to its end; `end` ends that as well. */
  async work(rest: AbortSignal, end: AbortSignal): Promise<void> {
    while (!rest.aborted) {
      await this.#insist(this.#next(), end);
      await this.#clock.sleep(this.#options.random.below(this.#options.pauseMs), rest).catch(() => undefined);
    }
  }

  /** Asks for a connection, or refreshes the one that it has. */
  async request(end: AbortSignal): Promise<void> {
    await this.#insist(this.#ask('request', this.#name), end);
  }

  async close(end: AbortSignal): Promise<void> {
    await this.#insist(this.#leave(), end);
  }

  #next(): Deed {
    const { random, faithful } = this.#options;
    if (this.vf === undefined) return this.#ask('request', this.#name);
    const dice = faithful ? 0 : random.below(10);
    if (dice < 4) return this.#ask('refresh', this.#name);
    if (dice < 6) return this.#ask('rename', names[random.below(2)] ?? names[0]);
    return this.#leave();
  }

  #ask(name: Deed['name'], interfaceName: string): Deed {
    const run = async (signal: AbortSignal) => {
      await this.client.request({ token: this.#options.token, interfaceName, signal, ...this.#patience });
      this.#name = interfaceName;
    };
    return { name, run };
  }

  #leave(): Deed {
    return { name: 'close', run: (signal) => this.client.close({ signal, ...this.#patience }) };
  }

  get #patience(): { readonly timeoutMs?: number } {
    const { timeoutMs } = this.#options;
    return timeoutMs === undefined ? {} : { timeoutMs };
  }

  async #insist({ name, run }: Deed, end: AbortSignal): Promise<void> {
    for (this.#doing = name; ; await this.#clock.sleep(healMs, end)) {
      try {
        await run(end);
        this.served += 1;
        this.#doing = `at rest after ${name}`;
        return;
      } catch (thrown) {
        this.#note(name, toForwarderError(thrown));
      }
    }
  }

  #note(name: string, { kind, message }: { readonly kind: string; readonly message: string }): void {
    this.#doing = `${name}, again after: ${message}`;
    if (kind === 'unavailable' || kind === 'cancelled' || connectionLost.test(message)) return;
    const text = `${name}: ${kind}: ${message.replaceAll(particulars, '*')}`;
    this.refusals.set(text, (this.refusals.get(text) ?? 0) + 1);
  }
}
