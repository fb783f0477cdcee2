/** Where {@link FirstSeen} takes places and reports from. */
interface Reporter {
  place(at: number): string;
  error(at: number, text: string): undefined;
}

/** Finds what stands in a file twice. */
export class FirstSeen<Identity> {
  readonly #reporter: Reporter;
  readonly #places = new Map<Identity, number>();

  constructor(reporter: Reporter) {
    this.#reporter = reporter;
  }

  /** True the first time; later the reporter gets `wording` with the place of the first one as an error. */
  isNew(identity: Identity, at: number, wording: string): boolean {
    const before = this.#places.get(identity);
    if (before === undefined) this.#places.set(identity, at);
    else this.#reporter.error(at, `${wording}, before at ${this.#reporter.place(before)}`);
    return before === undefined;
  }
}
