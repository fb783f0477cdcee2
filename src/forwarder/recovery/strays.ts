import { chooseNetdev } from '../../mechanism/kernel/choose-netdev.js';
import type { Clock } from '../../ports/clock.js';
import { toForwarderError } from '../../ports/error.js';
import type { Journal } from '../../ports/journal.js';
import type { Log } from '../../ports/log.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts, PciBus } from '../../ports/pci-bus.js';
import type { Functions, OfferedFunction } from '../elements/claim-function.js';

const prefix = 'stray/';

/** Between two looks at a VF that seems to be away. */
const secondLookMs = 500;

/** How long it may take to make a VF clean. */
const cleanMs = 30_000;

/** How many VFs are looked at a time. */
const batch = 32;

interface Parts {
  readonly pci: PciBus;
  readonly functions: Functions;
  readonly journal: Journal;
  /** Why a VF that is bound to another than its kernel driver is in use all the same; undefined when nobody uses it. */
  readonly whyInUse: (facts: FunctionFacts) => Promise<string | undefined>;
  /** Makes a VF that has come home fit for the next client. */
  readonly clean: (vf: OfferedFunction, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * False when it is not known what former processes did: their journal was damaged. Then a VF that user space may hold
   * open counts as taken.
   */
  readonly recordsComplete: boolean;
}

/** A VF that no connection has and that is not free all the same. */
export interface Stray {
  readonly function: PciAddress;
  readonly reason: string;
}

/**
 * VFs that no connection has and that cannot be proven free: away in a namespace, taken by somebody else, gone from the
 * node. Nobody gets such a VF. It is taken up again, cleaned, when a look shows it at home, or when the client that has
 * it shows the namespace that it is in.
 */
export class Strays {
  readonly #parts: Parts;
  readonly #reasons = new Map<PciAddress, string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * The first look, when all connections of a former process have been taken over. Its strays may have come home since,
   * and nobody has cleaned them: they are taken over first.
   */
  async takeOver(signal: AbortSignal): Promise<void> {
    const { functions, journal } = this.#parts;
    const free = new Set(functions.all().flatMap((it) => (it.free ? it.function : [])));
    for (const [key, { reason }] of journal.records()) {
      if (!key.startsWith(prefix)) continue;
      const address = key.slice(prefix.length) as PciAddress;
      if (free.has(address)) this.add({ function: address, reason: String(reason) });
      else if (!this.has(address)) this.forget(address);
    }
    await this.survey(signal);
  }

  has(address: PciAddress): boolean {
    return this.#reasons.has(address);
  }

  report(): readonly Stray[] {
    return [...this.#reasons].map(([address, reason]) => ({ function: address, reason }));
  }

  /** Keeps a VF from everybody until a later look shows it at home. */
  add({ function: address, reason }: Stray): void {
    if (this.#reasons.get(address) === reason) return;
    this.#reasons.set(address, reason);
    this.#parts.journal.note([{ key: prefix + address, value: { reason } }]);
    this.#parts.functions.entered(address, reason);
    this.#parts.log.warn('VF cannot be given out: no connection has it, and yet it is not free', {
      function: address,
      reason,
    });
  }

  /** The VF may have found its connection: whoever calls this claims it at once. On record it stays a stray. */
  release(address: PciAddress): void {
    if (this.#reasons.delete(address)) this.#parts.functions.recovered(address);
  }

  /** The VF is clean, or the way there is on its connection's record. */
  forget(address: PciAddress): void {
    this.#parts.journal.note([{ key: prefix + address }]);
  }

  /**
   * Looks at every VF that no connection has. What seems to be away is looked at again a moment later: a netdev that has
   * just come home, or was just made, shows a little late in some trees.
   */
  async survey(signal: AbortSignal): Promise<void> {
    const { functions, clock } = this.#parts;
    const suspects = await this.#notFree(functions.all().filter(({ function: it, free }) => free || this.has(it)));
    const back = functions.all().filter(({ function: it }) => this.has(it) && !suspects.has(it));
    await Promise.all(back.map((vf) => this.#takeUp(vf, signal)));
    const unknown = new Map([...suspects].filter(([address]) => !this.has(address)));
    if (unknown.size === 0) return;
    await clock.sleep(secondLookMs, signal);
    const unused = functions.all().filter(({ function: it, free, uses }) => free && unknown.get(it)?.uses === uses);
    for (const [address, { reason }] of await this.#notFree(unused)) this.#addIfFree({ function: address, reason });
  }

  #addIfFree(stray: Stray): void {
    if (this.#parts.functions.all().some((it) => it.function === stray.function && it.free)) this.add(stray);
  }

  /** It is nobody's while it is cleaned; one that cannot be cleaned stays so. */
  async #takeUp(vf: OfferedFunction, signal: AbortSignal): Promise<void> {
    const { function: address } = vf;
    try {
      using deadline = this.#parts.clock.deadline(`cleaning ${address}`, cleanMs, signal);
      await this.#parts.clean(vf, deadline.signal);
    } catch (thrown) {
      this.add({ function: address, reason: `it is at home, but not clean: ${toForwarderError(thrown).message}` });
      return;
    }
    if (!this.has(address)) return;
    this.release(address);
    this.forget(address);
    this.#parts.log.info('VF is free again: it is at home', { function: address });
  }

  /** Those that are not where free VFs are, each with the reason. */
  async #notFree(
    functions: readonly OfferedFunction[],
  ): Promise<Map<PciAddress, { readonly reason: string; readonly uses: number }>> {
    const found = new Map<PciAddress, { readonly reason: string; readonly uses: number }>();
    const look = async (vf: OfferedFunction) => {
      const reason = await this.#whyNotFree(vf);
      if (reason !== undefined) found.set(vf.function, { reason, uses: vf.uses });
    };
    for (let start = 0; start < functions.length; start += batch) {
      await Promise.all(functions.slice(start, start + batch).map(look));
    }
    return found;
  }

  async #whyNotFree(vf: OfferedFunction): Promise<string | undefined> {
    try {
      const facts = await this.#parts.pci.facts(vf.function);
      return this.#objection(vf, facts) ?? (await this.#parts.whyInUse(facts));
    } catch (error) {
      return toForwarderError(error).message; // what cannot be looked at cannot be proven free
    }
  }

  /** @throws ForwarderError `not-found` when the netdev of a VF with its kernel driver is not at home */
  #objection({ kernelDriver }: OfferedFunction, facts: FunctionFacts): string | undefined {
    if (facts.driver === kernelDriver) chooseNetdev(facts);
    if (facts.driver === undefined || facts.driver === kernelDriver || this.#parts.recordsComplete) return undefined;
    return `it has the driver ${facts.driver}, and the record of who uses it was damaged`;
  }
}
