import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { Entry } from './entry.js';
import { type Owed, type Undoing, undoAll } from './ledger.js';

/** A VF that could not be taken back completely, for reports. */
export interface QuarantinedFunction {
  readonly function: PciAddress;
  /** Kinds of the steps still to be undone, next one first. */
  readonly owed: readonly string[];
  /** Why the last attempt failed. */
  readonly reason: string;
  readonly attempts: number;
}

/** What the owner of the VFs does when one enters and when it has come clean. */
export interface QuarantineEvents {
  entered(address: PciAddress, reason: string): void;
  recovered(address: PciAddress): void;
}

interface Case {
  owed: readonly Entry[];
  reason: string;
  attempts: number;
  /** The step that frees the VF has been undone. Until it is, more of its steps may still come. */
  freed: boolean;
  /** When the last attempt is over: one at a time. */
  turn: Promise<unknown>;
}

const firstPauseMs = 500;
const longestPauseMs = 60_000;

/**
 * VFs whose way back failed. Nobody gets such a VF; what is owed is tried again with growing pauses until it is done. A
 * VF leaves only when the step that frees it is undone too, so never while a connection still has it.
 */
export class Quarantine {
  readonly #undoing: Pick<Undoing, 'attempt' | 'book'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: QuarantineEvents;
  readonly #signal: AbortSignal;
  readonly #cases = new Map<PciAddress, Case>();

  constructor(
    undoing: Pick<Undoing, 'attempt' | 'book'>,
    parts: { clock: Clock; log: Log; events: QuarantineEvents; signal: AbortSignal },
  ) {
    this.#undoing = undoing;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#events = parts.events;
    this.#signal = parts.signal;
  }

  /** Takes over what an unwinding left undone. */
  admit(owed: ReadonlyMap<PciAddress, readonly Owed[]>): void {
    for (const [address, steps] of owed) {
      const entries = steps.map((step) => step.entry);
      const known = this.#cases.get(address);
      if (known === undefined) this.#open(address, entries, steps.find((step) => step.failure)?.failure?.message);
      else known.owed = [...known.owed, ...entries]; // older steps, which waited for those before them
    }
  }

  #open(address: PciAddress, owed: readonly Entry[], reason = 'older steps wait for newer ones'): void {
    this.#cases.set(address, { owed, reason, attempts: 0, freed: false, turn: Promise.resolve() });
    this.#log.error('VF quarantined: its way back failed', { function: address, reason });
    this.#events.entered(address, reason);
    void this.#retry(address);
  }

  has(address: PciAddress): boolean {
    return this.#cases.has(address);
  }

  report(): readonly QuarantinedFunction[] {
    return [...this.#cases].map(([address, it]) => ({
      function: address,
      owed: it.owed.map((entry) => entry.kind),
      reason: it.reason,
      attempts: it.attempts,
    }));
  }

  /** What is still to be undone, for those who know what it waits for. */
  owed(): readonly Entry[] {
    return [...this.#cases.values()].flatMap((it) => it.owed);
  }

  /** Tries at once, as when something has turned up that was missing; resolves when that is over. */
  async retryNow(address: PciAddress): Promise<void> {
    const it = this.#cases.get(address);
    if (it !== undefined) await this.#inTurn(address, it);
  }

  async #retry(address: PciAddress): Promise<void> {
    for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
      const slept = await this.#clock.sleep(pause, this.#signal).then(
        () => true,
        () => false,
      );
      const it = this.#cases.get(address);
      if (!slept || it === undefined) return;
      await this.#inTurn(address, it);
      if (!this.#cases.has(address)) return;
    }
  }

  #inTurn(address: PciAddress, it: Case): Promise<unknown> {
    it.turn = it.turn.then(async () => {
      if (this.#cases.get(address) === it && it.owed.length > 0) await this.#tryOnce(address, it);
    });
    return it.turn;
  }

  async #tryOnce(address: PciAddress, it: Case): Promise<void> {
    const tried = it.owed;
    const { owed, failures } = await undoAll(tried, this.#undoing);
    const left = (owed.get(address) ?? []).map((step) => step.entry);
    it.attempts += 1;
    it.owed = [...left, ...it.owed.slice(tried.length)];
    it.freed ||= tried.some((entry) => entry.frees === true && !left.includes(entry));
    if (left.length > 0) {
      it.reason = failures[0]?.message ?? it.reason;
      this.#log.warn('VF stays in quarantine', { function: address, reason: it.reason, attempts: it.attempts });
      return;
    }
    if (it.owed.length > 0 || !it.freed) return;
    this.#cases.delete(address);
    this.#log.info('VF left quarantine', { function: address, attempts: it.attempts });
    this.#recovered(address);
  }

  /** A VF that is gone from the node cannot be given back to anybody; that must not end anything else. */
  #recovered(address: PciAddress): void {
    try {
      this.#events.recovered(address);
    } catch (error) {
      this.#log.error('a VF is clean again, but nobody takes it', { function: address, error: String(error) });
    }
  }
}
