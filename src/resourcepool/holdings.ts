import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import { noneFree } from './claim-refusals.js';
import type { DriverType } from './driver-type.js';
import { FreeFunctions } from './free-functions.js';
import { type Claimed, closedBy, type FunctionState } from './function-state.js';
import { type Inventory, namesOf, type PhysicalFunction, type VirtualFunction } from './inventory.js';
import type { Token } from './token.js';
import type { TokenPool } from './token-pool.js';

/**
 * Functions and the tokens that stand for them: the steps of which every transition of {@link FunctionState} is made.
 * Each leaves as many tokens of every name in circulation as there are free functions.
 */
export class Holdings {
  readonly tokens: TokenPool;
  #inventory: Inventory;
  #free: FreeFunctions;
  readonly #vacated = new Set<PciAddress>();

  constructor(inventory: Inventory, tokens: TokenPool) {
    this.#inventory = inventory;
    this.#free = new FreeFunctions(inventory);
    this.tokens = tokens;
  }

  get inventory(): Inventory {
    return this.#inventory;
  }

  get free(): FreeFunctions {
    return this.#free;
  }

  /** Goes on with another inventory, in which everything that is held is as it was. */
  replace(inventory: Inventory): void {
    this.#inventory = inventory;
    this.#free = new FreeFunctions(inventory);
  }

  /** @throws ForwarderError `not-found` */
  get(address: PciAddress): VirtualFunction {
    const vf = this.#inventory.functions.get(address);
    if (vf === undefined) throw new ForwarderError('not-found', `${address} is not a VF of this pool`);
    return vf;
  }

  /** @throws ForwarderError `not-found` */
  physicalFunction(address: PciAddress): PhysicalFunction {
    const pf = this.#inventory.physicalFunctions.find((each) => each.address === address);
    if (pf === undefined) throw new ForwarderError('not-found', `${address} is not a PF of this pool`);
    return pf;
  }

  /** The VFs of a PF. */
  functionsOf(physicalFunction: PhysicalFunction): readonly VirtualFunction[] {
    return [...this.#inventory.functions.values()].filter((vf) => vf.physicalFunction === physicalFunction);
  }

  /** The best free function for a token. @throws ForwarderError `exhausted` */
  choose({ name, place }: Token, driver: DriverType): VirtualFunction {
    const vf = this.free.choose(name, driver, place.home);
    if (vf !== undefined) return vf;
    throw noneFree(name, driver, this.free.count(name));
  }

  /** Gives a free function to a token; the caller sets the state. */
  occupy(vf: VirtualFunction, by: Omit<Claimed, 'kind' | 'closed'>): Claimed {
    this.tokens.use(by.token, vf.address);
    this.free.take(vf, by.driver);
    return { kind: 'claimed', ...by, closed: this.closeFor(vf, by.token.name) };
  }

  /** Takes a free function out of circulation without giving it to a token; the caller sets the state. */
  remove(vf: VirtualFunction, driver?: DriverType): readonly Token[] {
    this.free.take(vf, driver);
    return this.closeFor(vf);
  }

  /** Nobody holds the function any more: it is free, until {@link withholdVacated}. */
  vacate(vf: VirtualFunction, { closed, driver }: Partial<Pick<Claimed, 'driver'>> & Pick<Claimed, 'closed'>): void {
    this.#circulate(vf, { closed, ...(driver && { driver }) });
    this.#vacated.add(vf.address);
  }

  /**
   * Holds back what was vacated on a PF that is withheld. Not sooner: a change of what is offered may first have to
   * bring a token for it into circulation.
   */
  withholdVacated(): void {
    for (const address of this.#vacated) {
      const vf = this.#inventory.functions.get(address);
      const withheld = vf?.physicalFunction.withheld;
      if (vf?.state.kind === 'free' && withheld !== undefined && !vf.leaving) this.withhold(vf, withheld);
    }
    this.#vacated.clear();
  }

  /** Holds a free function back. */
  withhold(vf: VirtualFunction, reason: string): void {
    vf.state = { kind: 'withheld', reason, closed: this.remove(vf) };
  }

  /** Makes a function that is held back free, whatever its PF says. */
  letGo(vf: VirtualFunction): void {
    if (vf.state.kind === 'withheld') this.#circulate(vf, vf.state);
  }

  /** Closes one token of each name of the function; none of the name whose own token is in use with it. */
  closeFor(vf: VirtualFunction, except?: string): readonly Token[] {
    const by = { address: vf.address, home: vf.physicalFunction.address };
    const names = namesOf(vf).filter((name) => name !== except);
    return names.map((name) => this.tokens.closeOne(name, by));
  }

  /** Lets another token of the name be the closed one. */
  spare(token: Token): void {
    if (token.standing.kind !== 'closed') return;
    const by = this.get(token.standing.function);
    const closed = closedBy(by.state);
    const standIn = this.tokens.spare(token, by.physicalFunction.address);
    by.state = { ...by.state, closed: closed.map((each) => (each === token ? standIn : each)) } as FunctionState;
  }

  /** Lets free tokens be the closed ones wherever a pod's token is: there is a function to be had for it. */
  sparePods(): void {
    for (const token of this.tokens.wronglyClosed()) this.spare(token);
  }

  #circulate(vf: VirtualFunction, { closed, driver }: { closed: readonly Token[]; driver?: DriverType }): void {
    for (const token of closed) this.tokens.reopen(token);
    vf.state = { kind: 'free' };
    this.free.put(vf, driver);
  }
}
