import type { Clock } from '../ports/clock.js';
import { type ForwarderError, toForwarderError } from '../ports/error.js';
import type { Log, LogFields } from '../ports/log.js';
import { Absences } from './absences.js';
import type { CheckpointReader } from './checkpoint-account.js';
import type { GuardedOffer } from './guarded-offer.js';
import type { PodResources, PodResourcesAnswer, TokenOwner } from './pod-resources.js';
import type { FileIdentity } from './socket-file.js';
import type { RestoreReport } from './token-offer.js';

/** How often kubelet is asked until its first good answer. */
const FIRST_ANSWER_RETRY_MS = 1_000;

/** When a kubelet that lists no pod at all is asked again: one that had just started was seen to do so for 100 ms. */
const EMPTY_ANSWER_RETRY_MS = 250;

/** What the reconciler works with. */
export interface TokenReconcilerParts {
  readonly offer: GuardedOffer;
  readonly podResources: Pick<PodResources, 'list'>;
  readonly checkpoint: Pick<CheckpointReader, 'account' | 'rest'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds from one question to the next. */
  readonly pollInterval: number;
}

/**
 * Keeps the offer true to what kubelet says its pods hold: one question for all resources. Ids that pods hold are
 * restored, at the first good answer and whenever a later one shows more; ids that two good answers in a row miss are
 * freed, restored ones like all others. A failed question changes nothing, and neither does the first answer of a kubelet
 * that lists no pod at all: it may not know them yet. The first answer that counts opens the offer.
 */
export class TokenReconciler {
  readonly #parts: TokenReconcilerParts;
  readonly #absences = new Absences();
  #owners: ReadonlyMap<string, TokenOwner> = new Map();
  readonly #answered = new AbortController();
  /** The kubelet whose answers count. */
  #trusted: FileIdentity | undefined;
  /** The kubelet that has listed no pod at all so far. */
  #doubted: FileIdentity | undefined;
  #reported = '';
  #failing = false;

  constructor(parts: TokenReconcilerParts) {
    this.#parts = parts;
  }

  /** Who holds which token, by id, as of the last good answer. */
  get owners(): ReadonlyMap<string, TokenOwner> {
    return this.#owners;
  }

  /** Aborted once kubelet has answered, whether the answer counted or not. */
  get answered(): AbortSignal {
    return this.#answered.signal;
  }

  /** Asks for ever, until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.poll(signal).catch((thrown: unknown) => this.#failed(toForwarderError(thrown), signal));
      await this.#parts.clock.sleep(this.#rest(), signal).catch(() => undefined);
    }
  }

  /** Asks once and acts on the answer. @throws ForwarderError when there is no good answer; nothing has changed then */
  async poll(signal: AbortSignal): Promise<void> {
    const { offer, podResources } = this.#parts;
    const names = offer.names();
    if (names.length === 0) return;
    const answer = await podResources.list(new Set(names), signal);
    this.#succeeded();
    if (this.#counts(answer)) {
      this.#owners = answer.owners;
      this.#giveBack(await this.#observe(answer, this.#takeOver(answer.owners)));
      offer.open();
    }
    this.#answered.abort();
  }

  /** Milliseconds until the next question. */
  #rest(): number {
    const { offer, pollInterval } = this.#parts;
    if (this.#doubted !== undefined) return Math.min(EMPTY_ANSWER_RETRY_MS, pollInterval);
    return offer.opened.aborted ? pollInterval : Math.min(FIRST_ANSWER_RETRY_MS, pollInterval);
  }

  #counts({ kubelet, pods }: PodResourcesAnswer): boolean {
    if (pods > 0 || this.#trusted === kubelet || this.#doubted === kubelet) {
      this.#trusted = kubelet;
      this.#doubted = undefined;
      return true;
    }
    this.#doubted = kubelet;
    return false;
  }

  #held(): Set<string> {
    const { offer } = this.#parts;
    const tokens = offer.names().flatMap((name) => offer.tokens(name));
    return new Set(tokens.filter((token) => token.heldByPod).map(({ id }) => id));
  }

  /** Restores what kubelet lists and the offer does not know to be held; returns what pods hold now. */
  #takeOver(owners: ReadonlyMap<string, TokenOwner>): Set<string> {
    const known = this.#held();
    const listed = new Map<string, string[]>();
    for (const [id, { resource }] of owners) {
      if (known.has(id)) continue;
      const ids = listed.get(resource);
      if (ids === undefined) listed.set(resource, [id]);
      else ids.push(id);
    }
    if (listed.size === 0) return known;
    this.#report(this.#parts.offer.restore(listed));
    return this.#held();
  }

  /** Which ids are given back. The checkpoint is asked only where the answer alone does not tell. */
  async #observe({ kubelet, owners: listed }: PodResourcesAnswer, held: Set<string>): Promise<string[]> {
    const { clock, checkpoint: reader } = this.#parts;
    const doubts = this.#absences.doubts({ kubelet, listed, held });
    const checkpoint = doubts ? await reader.account() : 'stale';
    if (!doubts) reader.rest();
    const settled = this.#settled(doubts ? this.#held() : held);
    return this.#absences.observe({ kubelet, held: settled, listed, checkpoint, now: clock.now() });
  }

  /** Ids that pods hold, without those given out since the question: no answer to it knows of them. */
  #settled(held: Set<string>): Set<string> {
    for (const id of this.#parts.offer.takeRenewed()) {
      held.delete(id);
      this.#absences.forget(id);
    }
    return held;
  }

  /** What cannot be taken over comes again with every answer; it is said once. */
  #report({ surplus, unknownNames, duplicates }: RestoreReport): void {
    const rest = { surplus, unknownNames, duplicates };
    const text = JSON.stringify(rest);
    if (text === this.#reported) return;
    this.#reported = text;
    if (surplus.length + unknownNames.length + duplicates.length === 0) return;
    this.#parts.log.warn('pods hold tokens that cannot be taken over', reported(rest));
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

/** How many of a kind are named. */
const SAMPLE = 20;

/** The report for people, whatever its length: some of each kind, and how many more there are. */
function reported(report: Pick<RestoreReport, 'surplus' | 'unknownNames' | 'duplicates'>): LogFields {
  return Object.fromEntries(
    Object.entries(report).flatMap(([kind, tokens]) => {
      const named = tokens.slice(0, SAMPLE).map(({ name, token }) => ({ name, token: token.slice(0, 80) }));
      return [[kind, named], ...(tokens.length > SAMPLE ? [[`${kind}Count`, tokens.length]] : [])];
    }),
  );
}
