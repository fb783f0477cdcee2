import type { ConfigSource } from './config-source.js';

/** Finds what stands in a file twice. */
export class FirstSeen<Identity> {
  readonly #source: ConfigSource;
  readonly #places = new Map<Identity, number>();

  constructor(source: ConfigSource) {
    this.#source = source;
  }

  /** True the first time; later the source gets `wording` with the place of the first one as an error. */
  isNew(identity: Identity, at: number, wording: string): boolean {
    const before = this.#places.get(identity);
    if (before === undefined) this.#places.set(identity, at);
    else this.#source.error(at, `${wording}, before at ${this.#source.place(before)}`);
    return before === undefined;
  }
}
