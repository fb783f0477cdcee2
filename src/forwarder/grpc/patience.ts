import type { Clock } from '../../ports/clock.js';
import type { ErrorKind, ForwarderError } from '../../ports/error.js';

const shortestMs = 100;
const longestMs = 5_000;

/** What lasted so long before it failed is a new story. */
const steadyMs = 10_000;

const absences: ReadonlySet<ErrorKind> = new Set(['unavailable', 'timed-out']);

/** Pauses between tries, which grow with the failures in a row. */
export class Patience {
  readonly #clock: Clock;
  readonly #longestForAbsenceMs: number;
  #failures = 0;

  /** @param longestForAbsenceMs - longest pause while the peer is away; as for other failures unless given */
  constructor(clock: Clock, longestForAbsenceMs = longestMs) {
    this.#clock = clock;
    this.#longestForAbsenceMs = longestForAbsenceMs;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  reset(): void {
    this.#failures = 0;
  }

  /**
   * Resolves when it is time for the next try: at once when what failed had lasted for long.
   *
   * @param lasted - how long it had worked, ms
   * @throws ForwarderError `cancelled` when the signal fires first
   */
  async afterFailure(error: ForwarderError, more: { readonly lasted: number; readonly signal: AbortSignal }) {
    if (more.lasted >= steadyMs) {
      this.#failures = 0;
      return;
    }
    const longest = absences.has(error.kind) ? this.#longestForAbsenceMs : longestMs;
    const pause = Math.min(shortestMs * 2 ** this.#failures, longest);
    this.#failures += 1;
    await this.#clock.sleep(pause, more.signal);
  }
}
