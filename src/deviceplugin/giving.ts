import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { DeviceGiver, GivenDevice } from './device-giver.js';
import type { GuardedOffer } from './guarded-offer.js';

/** How long a pod may wait to be admitted: kubelet itself sets no limit, and does nothing else for that pod meanwhile. */
const giveMs = 60_000;
/** Less than the 30 s after which kubelet gives up by itself. */
const checkMs = 20_000;

/** What giving works with. */
export interface GivingParts {
  readonly giver: DeviceGiver;
  readonly offer: Pick<GuardedOffer, 'allocating'>;
  readonly clock: Clock;
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/**
 * VFs for the tokens of one call of kubelet at a time. While it lasts kubelet lists no pod that has the tokens, and that
 * does not make them free.
 */
export class Giving {
  readonly #parts: GivingParts;
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: GivingParts) {
    this.#parts = parts;
  }

  gives(resource: string): boolean {
    return this.#parts.giver.gives(resource);
  }

  /** See {@link GiveDevices}. @throws ForwarderError why one of them cannot be had; none of them is given then */
  give(tokens: readonly string[]): Promise<ReadonlyMap<string, GivenDevice>> {
    return this.#run(() => this.#giveAll(tokens));
  }

  /** @throws ForwarderError `refused` when one of them has not got what its pod was told */
  check(tokens: readonly string[]): Promise<void> {
    return this.#run(async () => {
      const { giver, clock, signal } = this.#parts;
      using deadline = clock.deadline('looking at the VFs of a pod', checkMs, signal);
      for (const token of tokens) await giver.check(token, deadline.signal);
    });
  }

  /** Resolves when all calls have ended; to be called when the signal has fired. */
  async ended(): Promise<void> {
    await Promise.allSettled([...this.#running]);
  }

  async #giveAll(tokens: readonly string[]): Promise<ReadonlyMap<string, GivenDevice>> {
    const { giver, offer, clock, signal } = this.#parts;
    using _held = offer.allocating(tokens);
    using deadline = clock.deadline('giving VFs to a pod', giveMs, signal);
    const given = new Map<string, GivenDevice>();
    try {
      for (const token of tokens) given.set(token, await giver.give(token, deadline.signal));
      return given;
    } catch (thrown) {
      await Promise.all([...given.keys()].map((token) => giver.takeBack(token)));
      const { kind, message } = toForwarderError(thrown);
      throw new ForwarderError(kind, `no VF for the pod: ${message}`, { cause: thrown });
    }
  }

  #run<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#running.add(running);
    const ended = () => void this.#running.delete(running);
    running.then(ended, ended);
    return running;
  }
}
