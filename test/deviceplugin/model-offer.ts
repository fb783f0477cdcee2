import type { ListedToken, OfferedToken, RestoreReport, TokenOffer } from '../../src/deviceplugin/token-offer.js';
import { ForwarderError } from '../../src/ports/error.js';

interface ModelToken {
  id: string;
  name: string;
  heldByPod: boolean;
  closed: boolean;
}

/** A small working offer: tokens `<name>#<n>` that a test can close and open. */
export class ModelOffer implements TokenOffer {
  readonly #tokens: ModelToken[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(counts: Readonly<Record<string, number>>) {
    for (const [name, count] of Object.entries(counts)) this.offer(name, count);
  }

  offer(name: string, count: number): void {
    for (let n = 0; n < count; n++) {
      this.#tokens.push({ id: `${name}#${n}`, name, heldByPod: false, closed: false });
    }
    this.#notify();
  }

  withdraw(name: string): void {
    this.#tokens.splice(0, this.#tokens.length, ...this.#tokens.filter((token) => token.name !== name));
    this.#notify();
  }

  setClosed(id: string, closed: boolean): void {
    this.#get(id).closed = closed;
    this.#notify();
  }

  held(): string[] {
    return this.#tokens.filter(({ heldByPod }) => heldByPod).map(({ id }) => id);
  }

  names(): readonly string[] {
    return [...new Set(this.#tokens.map(({ name }) => name))];
  }

  tokens(name: string): readonly OfferedToken[] {
    const tokens = this.#tokens.filter((token) => token.name === name);
    return tokens.map(({ id, closed, heldByPod }) => ({ id, heldByPod, healthy: !closed }));
  }

  allocate(ids: readonly string[]): void {
    const tokens = ids.map((id) => this.#get(id));
    for (const { id, closed, heldByPod } of tokens) {
      if (closed && !heldByPod) throw new ForwarderError('refused', `token ${id} is closed`);
    }
    for (const token of tokens) token.heldByPod = true;
    this.#notify();
  }

  free(ids: readonly string[]): void {
    for (const id of ids) this.#get(id).heldByPod = false;
    this.#notify();
  }

  restore(listed: ReadonlyMap<string, readonly string[]>): RestoreReport {
    const report = { surplus: [] as ListedToken[], unknownNames: [] as ListedToken[], duplicates: [] as ListedToken[] };
    for (const [name, ids] of listed) {
      for (const id of ids) if (!this.#takeOver(name, id)) report.surplus.push({ name, token: id });
    }
    this.#notify();
    return report;
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  #takeOver(name: string, id: string): boolean {
    const own = this.#tokens.filter((token) => token.name === name);
    const token = own.find((one) => one.id === id) ?? own.find(({ heldByPod }) => !heldByPod);
    if (token === undefined) return false;
    token.id = id;
    token.heldByPod = true;
    return true;
  }

  #get(id: string): ModelToken {
    const token = this.#tokens.find((one) => one.id === id);
    if (token === undefined) throw new ForwarderError('not-found', `no token ${id}`);
    return token;
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}
