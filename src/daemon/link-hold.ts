/** What one look at a PF's port shows; `unknown` where it cannot tell, or nobody has brought the port up yet. */
export type SeenLink = 'link' | 'no link' | 'unknown';

/**
 * Tells a lost link from a short break: what is seen has to last before it is believed, either way, so that a port that
 * flaps does not make its VFs come and go with it.
 */
export class LinkHold {
  readonly #holdMs: number;
  #believed: 'link' | 'no link' = 'link';
  #otherSince: number | undefined;

  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  /** What is believed after this look, at a time in monotonic milliseconds. */
  look(seen: SeenLink, now: number): 'link' | 'no link' {
    if (seen === 'unknown' || seen === this.#believed) {
      this.#otherSince = undefined;
    } else {
      this.#otherSince ??= now;
      if (now - this.#otherSince >= this.#holdMs) {
        this.#believed = seen;
        this.#otherSince = undefined;
      }
    }
    return this.#believed;
  }
}
