import { SpiffeWorkloadAPIService, type X509SVIDResponse } from '../../apis/generated/workload.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { CertificateSource, X509Material } from '../ports/identity.js';
import type { Log } from '../ports/log.js';
import { type PlainClient, plainClient } from './plain-client.js';
import { tlsMaterial } from './tls-material.js';
import { materialOf } from './x509-response.js';

export interface WorkloadApiOptions {
  /** SPIFFE_ENDPOINT_SOCKET: `unix:///path`, `unix:/path` or `tcp://<ip>:<port>`. */
  readonly address: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the source. */
  readonly signal: AbortSignal;
}

const backoffStepMs = 1000;
const longestBackoffMs = 30_000;

/**
 * The identity that a SPIFFE agent grants, followed through its rotations (nsm-wire 5.1). Whatever goes wrong it asks again, after
 * 1, 2, ... 30 s; the last identity stays in force meanwhile. Only an agent that calls the request invalid ends it.
 */
export class WorkloadApiSource implements CertificateSource {
  readonly #options: WorkloadApiOptions;
  readonly #client: PlainClient;
  readonly #listeners = new Set<(material: X509Material) => void>();
  readonly #first: Promise<X509Material>;
  #current: X509Material | undefined;
  #failures = 0;

  /** @throws ForwarderError `invalid` when the address has another form */
  constructor(options: WorkloadApiOptions) {
    this.#options = options;
    this.#client = plainClient(options.address);
    this.#first = new Promise((resolve, reject) => {
      this.#listeners.add(resolve);
      void this.#run().catch(reject);
    });
    this.#first.catch(() => undefined);
  }

  current(): X509Material | undefined {
    return this.#current;
  }

  async ready(signal: AbortSignal): Promise<X509Material> {
    if (this.#current !== undefined) return this.#current;
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => reject(toForwarderError(signal.reason));
      signal.addEventListener('abort', onAbort, { once: true });
      this.#first.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  onChange(listener: (material: X509Material) => void): Disposable {
    // A function of its own each time, so that one listener may be added twice.
    const call = (material: X509Material) => listener(material);
    this.#listeners.add(call);
    return { [Symbol.dispose]: () => void this.#listeners.delete(call) };
  }

  async #run(): Promise<never> {
    const { address, log, signal } = this.#options;
    log.info(`waiting for the first X.509 SVID from the SPIFFE workload API at ${address}`);
    using client = this.#client;
    for (;;) {
      const error = await this.#follow(client);
      if (signal.aborted) throw toForwarderError(signal.reason);
      if (error.kind === 'invalid') {
        log.error(`the SPIFFE workload API refuses us for good: ${error.message}`);
        throw error;
      }
      await this.#backOff(error);
    }
  }

  /** Reads one stream to its end; returns why it ended. */
  async #follow(client: PlainClient): Promise<ForwarderError> {
    const { signal } = this.#options;
    try {
      // The agent answers nobody without this header: it keeps requests out that a browser could be made to send.
      const metadata = { 'workload.spiffe.io': 'true' };
      for await (const response of client.stream(SpiffeWorkloadAPIService.fetchX509Svid, {}, { signal, metadata })) {
        this.#take(response);
      }
      return new ForwarderError('unavailable', 'the stream ended');
    } catch (error) {
      return toForwarderError(error);
    }
  }

  #take(response: X509SVIDResponse): void {
    let material: X509Material;
    try {
      material = materialOf(response);
      tlsMaterial(material);
    } catch (error) {
      // Not `invalid`: that word ends the source, and the agent's next answer may well be better.
      throw new ForwarderError('unknown', `unusable SVID: ${toForwarderError(error).message}`, { cause: error });
    }
    this.#failures = 0;
    this.#current = material;
    this.#options.log.info(`X.509 SVID ${material.spiffeId}, valid until ${new Date(material.notAfter).toISOString()}`);
    for (const listener of [...this.#listeners]) listener(material);
  }

  async #backOff(error: ForwarderError): Promise<void> {
    const { address, clock, log, signal } = this.#options;
    this.#failures += 1;
    const waitMs = Math.min(this.#failures * backoffStepMs, longestBackoffMs);
    const state =
      this.#current === undefined ? 'still waiting for the first X.509 SVID' : 'X.509 SVID is no longer renewed';
    log.warn(`${state}: SPIFFE workload API at ${address}: ${error.message}; next attempt in ${waitMs / 1000} s`);
    await clock.sleep(waitMs, signal);
  }
}
