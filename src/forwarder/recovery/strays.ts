import { chooseNetdev } from '../../mechanism/kernel/choose-netdev.js';
import { ForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts, PciBus } from '../../ports/pci-bus.js';
import type { Functions, OfferedFunction } from '../elements/claim-function.js';

/** How many VFs are looked at a time. */
const batch = 32;

interface Parts {
  readonly pci: PciBus;
  readonly functions: Functions;
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

  /** Looks at every VF that no connection has. */
  async survey(): Promise<void> {
    const { functions } = this.#parts;
    const known = functions.all().filter(({ function: address, free }) => free || this.has(address));
    for (let start = 0; start < known.length; start += batch) {
      await Promise.all(known.slice(start, start + batch).map((vf) => this.#look(vf)));
    }
  }

  async #look(vf: OfferedFunction): Promise<void> {
    const { function: address } = vf;
    const reason = await this.#whyNotFree(vf);
    if (reason === undefined) {
      if (!this.has(address)) return;
      this.remove(address);
      this.#parts.log.info('VF is free again: it is at home', { function: address });
      return;
    }
    // A connection may have come and gone while this looked: what is told of twice, and is nobody's, is a stray.
    const again = await this.#whyNotFree(vf);
    const free = this.#parts.functions.all().some((it) => it.function === address && it.free);
    if (again !== undefined && (free || this.has(address))) this.add({ function: address, reason: again });
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
