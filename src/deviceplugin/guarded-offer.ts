import { ForwarderError } from '../ports/error.js';
import type { OfferedToken, RestoreReport, TokenOffer } from './token-offer.js';

/**
 * An offer of which nothing can be had until kubelet has said what is in use: until {@link GuardedOffer.open} every
 * token is unhealthy and Allocate is refused. Otherwise a token that a running pod holds could be given to a second one.
 */
export class GuardedOffer implements TokenOffer {
  readonly #offer: TokenOffer;
  readonly #listeners = new Set<() => void>();
  readonly #opening = new AbortController();
  readonly #allocating: (readonly string[])[] = [];
  #renewed = new Set<string>();

  constructor(offer: TokenOffer) {
    this.#offer = offer;
  }

  /** Aborted once the offer is open. */
  get opened(): AbortSignal {
    return this.#opening.signal;
  }

  open(): void {
    if (this.opened.aborted) return;
    this.#opening.abort();
    for (const listener of this.#listeners) listener();
  }

  names(): readonly string[] {
    return this.#offer.names();
  }

  tokens(name: string): readonly OfferedToken[] {
    const tokens = this.#offer.tokens(name);
    return this.opened.aborted ? tokens : tokens.map((token) => ({ ...token, healthy: false }));
  }

  allocate(ids: readonly string[]): void {
    if (!this.opened.aborted) throw new ForwarderError('refused', 'kubelet has not said yet which tokens are in use');
    this.#offer.allocate(ids);
    for (const id of ids) this.#renewed.add(id);
  }

  /** These ids are being given to containers until disposed: no answer of kubelet knows of them before that. */
  allocating(ids: readonly string[]): Disposable {
    const given = [...ids];
    this.#allocating.push(given);
    return {
      [Symbol.dispose]: () => {
        this.#allocating.splice(this.#allocating.indexOf(given), 1);
        for (const id of given) this.#renewed.add(id);
      },
    };
  }

  /** The ids given to containers since the last call: no answer of kubelet that was asked for before knows of them. */
  takeRenewed(): ReadonlySet<string> {
    const renewed = this.#renewed;
    this.#renewed = new Set();
    return new Set([...renewed, ...this.#allocating.flat()]);
  }

  free(ids: readonly string[]): void {
    this.#offer.free(ids);
  }

  restore(held: ReadonlyMap<string, readonly string[]>): RestoreReport {
    return this.#offer.restore(held);
  }

  onChange(listener: () => void): Disposable {
    const changes = this.#offer.onChange(listener);
    this.#listeners.add(listener);
    return {
      [Symbol.dispose]: () => {
        changes[Symbol.dispose]();
        this.#listeners.delete(listener);
      },
    };
  }
}
