import type { Clock } from '../ports/clock.js';
import { type ForwarderError, toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { Absences } from './absences.js';
import type { GuardedOffer } from './guarded-offer.js';
import type { PodResources, PodResourcesAnswer, TokenOwner } from './pod-resources.js';
import type { RestoreReport } from './token-offer.js';

/** How often kubelet is asked until its first good answer. */
const FIRST_ANSWER_RETRY_MS = 1_000;

/** What the reconciler works with. */
export interface TokenReconcilerParts {
  readonly offer: GuardedOffer;
  readonly podResources: Pick<PodResources, 'list'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds from one question to the next. */
  readonly pollInterval: number;
}

/**
 * Keeps the offer true to what kubelet says its pods hold: one question for all resources. Ids that pods hold are
 * restored, at the first good answer and whenever a later one shows more; ids that two good answers in a row miss are
 * freed, restored ones like all others. A failed question changes nothing. The first good answer opens the offer.
 */
export class TokenReconciler {
  readonly #parts: TokenReconcilerParts;
  readonly #absences = new Absences();
  #owners: ReadonlyMap<string, TokenOwner> = new Map();
  #reported = '';
  #failing = false;

  constructor(parts: TokenReconcilerParts) {
    this.#parts = parts;
  }

  /** Who holds which token, by id, as of the last good answer. */
  get owners(): ReadonlyMap<string, TokenOwner> {
    return this.#owners;
  }

  /** Asks for ever, until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { offer, clock, pollInterval } = this.#parts;
    while (!signal.aborted) {
      await this.poll(signal).catch((thrown: unknown) => this.#failed(toForwarderError(thrown), signal));
      const wait = offer.opened.aborted ? pollInterval : Math.min(FIRST_ANSWER_RETRY_MS, pollInterval);
      await clock.sleep(wait, signal).catch(() => undefined);
    }
  }

  /** Asks once and acts on the answer. @throws ForwarderError when there is no good answer; nothing has changed then */
  async poll(signal: AbortSignal): Promise<void> {
    const { offer, podResources } = this.#parts;
    const names = offer.names();
    if (names.length === 0) return;
    const answer = await podResources.list(new Set(names), signal);
    this.#succeeded();
    this.#owners = answer.owners;
    this.#takeOver(answer.owners);
    this.#giveBack(this.#observe(answer));
    offer.open();
  }

  #held(): Set<string> {
    const { offer } = this.#parts;
    const tokens = offer.names().flatMap((name) => offer.tokens(name));
    return new Set(tokens.filter((token) => token.heldByPod).map(({ id }) => id));
  }

  /** Restores what kubelet lists and the offer does not know to be held. */
  #takeOver(owners: ReadonlyMap<string, TokenOwner>): void {
    const known = this.#held();
    const listed = new Map<string, string[]>();
    for (const [id, { resource }] of owners) {
      if (!known.has(id)) listed.set(resource, [...(listed.get(resource) ?? []), id]);
    }
    if (listed.size > 0) this.#report(this.#parts.offer.restore(listed));
  }

  #observe({ kubelet, owners: listed }: PodResourcesAnswer): string[] {
    const { offer, clock } = this.#parts;
    const held = this.#held();
    for (const id of offer.takeRenewed()) {
      held.delete(id);
      this.#absences.forget(id);
    }
    return this.#absences.observe({ kubelet, held, listed, now: clock.now() });
  }

  /** What cannot be taken over comes again with every answer; it is said once. */
  #report({ surplus, unknownNames, duplicates }: RestoreReport): void {
    const rest = { surplus, unknownNames, duplicates };
    const text = JSON.stringify(rest);
    if (text === this.#reported) return;
    this.#reported = text;
    if (surplus.length + unknownNames.length + duplicates.length === 0) return;
    this.#parts.log.warn('pods hold tokens that cannot be taken over', rest);
  }

  #giveBack(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#parts.offer.free(ids);
    this.#parts.log.info('freed tokens that no pod holds any more', { count: ids.length });
  }

  #succeeded(): void {
    if (this.#failing) this.#parts.log.info('kubelet says again which pods hold tokens');
    this.#failing = false;
  }

  #failed(error: ForwarderError, signal: AbortSignal): void {
    if (signal.aborted || this.#failing) return;
    this.#failing = true;
    const { offer, log } = this.#parts;
    const until = offer.opened.aborted ? 'the last good answer stays' : 'no token can be had until it does';
    log.warn(`kubelet does not say which pods hold tokens: ${until}`, { reason: error.message });
  }
}
