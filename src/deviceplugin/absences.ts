import type { CheckpointAccount } from './checkpoint-account.js';

/** Good answers in a row without an id before it counts as given back. */
const ANSWERS = 2;

/** How long an id is waited for that this kubelet has not listed yet, in milliseconds. */
export const FIRST_LISTING_MS = 60_000;

interface Absence {
  readonly since: number;
  answers: number;
}

/** One good answer, and the ids that it can be asked about. */
export interface Observation {
  /** Which kubelet answered. */
  readonly kubelet: string;
  /** Ids that pods hold, without those given out after the question was asked: the answer says nothing about them. */
  readonly held: ReadonlySet<string>;
  readonly listed: { has(id: string): boolean };
  /** What kubelet's checkpoint says, for ids about which the answer alone does not tell. */
  readonly checkpoint: CheckpointAccount;
  /** Monotonic milliseconds. */
  readonly now: number;
}

/**
 * Judges which held ids kubelet has taken back. There is no call for that: an id is given back when two good
 * answers in a row miss it. A kubelet that has just started lists its pods late (an empty answer was seen while pods
 * were running, and without an API server it knows only some of them), and a pod that has just got its token is not
 * listed yet: an id that this kubelet never listed must be missing in its checkpoint as well or, where that cannot be
 * read, for a minute.
 */
export class Absences {
  readonly #listed = new Set<string>();
  readonly #absent = new Map<string, Absence>();
  #kubelet: string | undefined;

  /** The ids that are given back now; each is forgotten here. */
  observe(seen: Observation): string[] {
    if (seen.kubelet !== this.#kubelet) this.#startOver(seen.kubelet);
    this.#forgetOthers(seen.held);
    const back: string[] = [];
    for (const id of seen.held) {
      if (this.#isBack(id, seen)) back.push(id);
    }
    for (const id of back) this.forget(id);
    return back;
  }

  /** Whether some of these ids are missing and were never listed by this kubelet: its checkpoint has to tell. */
  doubts({ kubelet, held, listed }: Pick<Observation, 'kubelet' | 'held' | 'listed'>): boolean {
    const known = kubelet === this.#kubelet ? this.#listed : new Set<string>();
    return [...held].some((id) => !listed.has(id) && !known.has(id));
  }

  /** The id has been given to a container again: whatever was seen before is about the one before. */
  forget(id: string): void {
    this.#listed.delete(id);
    this.#absent.delete(id);
  }

  #isBack(id: string, { listed, now, checkpoint }: Observation): boolean {
    if (listed.has(id)) {
      this.#listed.add(id);
      this.#absent.delete(id);
      return false;
    }
    const absence = this.#absent.get(id) ?? { since: now, answers: 0 };
    absence.answers += 1;
    this.#absent.set(id, absence);
    if (absence.answers < ANSWERS) return false;
    if (this.#listed.has(id)) return true;
    if (checkpoint === 'stale') return false;
    return checkpoint === 'unreadable' ? now - absence.since >= FIRST_LISTING_MS : !checkpoint.has(id);
  }

  #startOver(kubelet: string): void {
    this.#kubelet = kubelet;
    this.#listed.clear();
    this.#absent.clear();
  }

  #forgetOthers(held: ReadonlySet<string>): void {
    for (const id of [...this.#listed, ...this.#absent.keys()]) {
      if (!held.has(id)) this.forget(id);
    }
  }
}
