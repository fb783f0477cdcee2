import { chooseNetdev } from '../../mechanism/kernel/choose-netdev.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts, PciBus } from '../../ports/pci-bus.js';
import type { Functions, OfferedFunction } from '../elements/claim-function.js';

/** Between two looks at a VF that seems to be away. */
const secondLookMs = 500;

/** How many VFs are looked at a time. */
const batch = 32;

interface Parts {
  readonly pci: PciBus;
  readonly functions: Functions;
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
 * VFs that nobody has on record and that cannot be proven free: away in a namespace, taken by somebody else, gone from
 * the node. Nobody gets such a VF. It is taken up again when a look shows it at home, or when the client that has it
 * names it and shows the namespace that it is in.
 */
export class Strays {
  readonly #parts: Parts;
  readonly #reasons = new Map<PciAddress, string>();

  constructor(parts: Parts) {
    this.#parts = parts;
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
    this.#parts.functions.entered(address, reason);
    this.#parts.log.warn('VF cannot be given out: no connection has it, and yet it is not free', {
      function: address,
      reason,
    });
  }

  /** The VF has found its connection: whoever calls this claims it at once. */
  remove(address: PciAddress): void {
    if (this.#reasons.delete(address)) this.#parts.functions.recovered(address);
  }

  /**
   * Looks at every VF that no connection has. What seems to be away is looked at again a moment later: a netdev that has
   * just come home, or was just made, shows a little late in some trees.
   */
  async survey(signal: AbortSignal): Promise<void> {
    const { functions, clock } = this.#parts;
    const suspects = await this.#notFree(functions.all().filter(({ function: it, free }) => free || this.has(it)));
    for (const address of this.#reasons.keys()) if (!suspects.has(address)) this.#takeUp(address);
    const unknown = new Map([...suspects].filter(([address]) => !this.has(address)));
    if (unknown.size === 0) return;
    await clock.sleep(secondLookMs, signal);
    const unused = functions.all().filter(({ function: it, free, uses }) => free && unknown.get(it)?.uses === uses);
    for (const [address, { reason }] of await this.#notFree(unused)) this.#addIfFree({ function: address, reason });
  }

  #addIfFree(stray: Stray): void {
    if (this.#parts.functions.all().some((it) => it.function === stray.function && it.free)) this.add(stray);
  }

  #takeUp(address: PciAddress): void {
    this.remove(address);
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
      return this.#objection(vf, await this.#parts.pci.facts(vf.function));
    } catch (error) {
      if (error instanceof ForwarderError && error.kind === 'not-found') return error.message;
      throw error;
    }
  }

  /** @throws ForwarderError `not-found` when the netdev of a VF with its kernel driver is not at home */
  #objection({ kernelDriver }: OfferedFunction, facts: FunctionFacts): string | undefined {
    if (facts.driver === kernelDriver) chooseNetdev(facts);
    if (facts.driver === undefined || facts.driver === kernelDriver || this.#parts.recordsComplete) return undefined;
    return `it has the driver ${facts.driver}, and the record of who uses it was damaged`;
  }
}
