import { comparePciAddress, type PciAddress } from '../../src/ports/pci-address.js';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import type { AdoptRequest, Claim, ClaimRequest, Owner } from '../../src/resourcepool/claim.js';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import type { PoolOptions } from '../../src/resourcepool/token-lots.js';
import {
  claimed,
  driversOf,
  type ModelFunction,
  type ModelToken,
  modelFunctions,
  modelTokens,
  podOf,
  Refusal,
  reopen,
  type Use,
} from './naive-state.js';

/** The pool as the simplest program that keeps its promises: two arrays, searched from end to end. */
export class NaivePool {
  readonly tokens: ModelToken[];
  readonly functions: ModelFunction[];
  readonly #physicalFunctions: ReadonlySet<PciAddress>;
  readonly #withheld = new Map<PciAddress, string>();

  constructor(catalogue: Catalogue, newTokenId: () => TokenId, options: PoolOptions = {}) {
    this.#physicalFunctions = new Set(catalogue.physicalFunctions.map(({ address }) => address));
    this.tokens = modelTokens(catalogue, newTokenId, options);
    this.functions = modelFunctions(catalogue);
  }

  allocate(ids: readonly TokenId[]): void {
    const tokens = ids.map((id) => this.#token(id));
    for (const { state } of tokens) {
      if (state.is === 'closed' && state.was === 'free') throw new Refusal('refused');
      if (state.is === 'quarantined' && state.afterwards === 'free') throw new Refusal('refused');
    }
    for (const token of tokens) {
      if (token.state.is === 'free') token.state = { is: 'allocated' };
      if (token.state.is === 'in-use') token.state = { ...token.state, afterwards: 'allocated', handedOn: true };
    }
  }

  free(ids: readonly TokenId[]): void {
    for (const token of ids.map((id) => this.#token(id))) {
      const { state } = token;
      if (state.is === 'allocated') token.state = { is: 'free' };
      if (state.is === 'in-use') token.state = { ...state, afterwards: 'free', handedOn: true };
      if (state.is === 'quarantined') token.state = { ...state, afterwards: 'free' };
      if (state.is === 'closed') token.state = { ...state, was: 'free' };
    }
    this.#sparePods();
  }

  claim({ token: id, owner, driver }: ClaimRequest): Claim {
    const token = this.#token(id);
    const { state } = token;
    if (podOf(token) === 'free' && state.is !== 'in-use') throw new Refusal('refused');
    if (state.is === 'closed') throw new Refusal('refused');
    if (state.is === 'quarantined') throw new Refusal('busy');
    if (state.is !== 'in-use') {
      const best = this.best(token, driver);
      this.#occupy(best, { is: 'claimed', token, driver, owners: [owner] });
      return this.#answer(best);
    }
    const vf = this.#function(state.vf);
    const use = claimed(vf);
    if (use.driver === driver) return this.#join(vf, owner);
    if (state.handedOn) throw new Refusal(state.afterwards === 'free' ? 'refused' : 'busy');
    if (use.owners.join() !== owner) throw new Refusal('busy');
    return this.#answer(this.#changeDriver(vf, driver));
  }

  adopt({ token: id, function: address, owner, driver }: AdoptRequest): Claim {
    const token = this.#token(id);
    const vf = this.#function(address);
    const { state } = token;
    if (podOf(token) === 'free' && state.is !== 'in-use') throw new Refusal('refused');
    if (state.is === 'quarantined') throw new Refusal('busy');
    if (state.is === 'in-use') {
      if (state.vf !== address || claimed(vf).driver !== driver) throw new Refusal('busy');
      return this.#join(vf, owner);
    }
    if (!vf.names.includes(token.name)) throw new Refusal('refused');
    if (!['free', 'withheld'].includes(vf.use.is) || !this.#couldHave(vf, driver)) throw new Refusal('busy');
    this.#circulate(vf);
    if (token.state.is === 'closed') this.#close(token.name, this.#function(token.state.by));
    this.#occupy(vf, { is: 'claimed', token, driver, owners: [owner] });
    this.#sparePods();
    return this.#answer(vf);
  }

  release(address: PciAddress, owner: Owner): boolean {
    const vf = this.#function(address);
    const { use } = vf;
    if (use.is === 'superseded' && use.owner === owner) {
      this.#vacate(vf);
      return true;
    }
    if (use.is !== 'claimed' || !use.owners.includes(owner)) return false;
    use.owners = use.owners.filter((each) => each !== owner);
    if (use.owners.length > 0) return true;
    const before = this.#stillHeldBefore(vf);
    if (before === undefined) reopen(use.token);
    else this.#reinstate(before);
    this.#vacate(vf);
    return true;
  }

  quarantine(address: PciAddress, reason: string, mayHave?: DriverType): void {
    const vf = this.#function(address);
    const { use } = vf;
    if (use.is === 'free' || use.is === 'withheld') {
      this.#circulate(vf);
      const pins = mayHave !== undefined && this.#couldHave(vf, mayHave);
      vf.use = { is: 'quarantined', reason, ...(pins && { driver: mayHave }) };
      for (const name of vf.names) this.#close(name, vf);
    } else if (use.is === 'quarantined') {
      use.reason = reason;
    } else {
      vf.use = { is: 'quarantined', reason, driver: use.driver };
      if (use.is !== 'claimed') return;
      vf.use.token = use.token;
      use.token.state = { is: 'quarantined', vf: address, afterwards: podOf(use.token) };
    }
    this.#sparePods();
  }

  recover(address: PciAddress): boolean {
    const vf = this.#function(address);
    if (vf.use.is !== 'quarantined') return false;
    if (vf.use.token) reopen(vf.use.token);
    this.#vacate(vf);
    return true;
  }

  withhold(pf: PciAddress, reason: string): boolean {
    const functions = this.#functionsOf(pf);
    if (this.#withheld.get(pf) === reason) return false;
    this.#withheld.set(pf, reason);
    for (const vf of functions) {
      if (vf.use.is === 'withheld') vf.use.reason = reason;
      if (vf.use.is === 'free') this.#withhold(vf, reason);
    }
    return true;
  }

  offerAgain(pf: PciAddress): boolean {
    const functions = this.#functionsOf(pf);
    if (!this.#withheld.delete(pf)) return false;
    for (const vf of functions) if (vf.use.is === 'withheld') this.#circulate(vf);
    this.#sparePods();
    return true;
  }

  /** The pool's rule of choice, as a sort over all functions. */
  best({ name, home }: ModelToken, driver: DriverType): ModelFunction {
    const [best] = this.functions
      .filter((vf) => vf.use.is === 'free' && vf.names.includes(name) && this.#couldHave(vf, driver))
      .sort(
        (a, b) =>
          Number(this.driverOf(b.group) === driver) - Number(this.driverOf(a.group) === driver) ||
          Number(b.pf === home) - Number(a.pf === home) ||
          this.freeOn(b.pf) - this.freeOn(a.pf) ||
          comparePciAddress(a.address, b.address),
      );
    if (best === undefined) throw new Refusal('exhausted');
    return best;
  }

  driverOf(group: number | undefined): DriverType | undefined {
    return driversOf(this.functions, group)[0];
  }

  freeOn(pf: PciAddress): number {
    return this.functions.filter((vf) => vf.pf === pf && vf.use.is === 'free').length;
  }

  #couldHave(vf: ModelFunction, driver: DriverType): boolean {
    return (driver === 'kernel' || vf.vfio) && (this.driverOf(vf.group) ?? driver) === driver;
  }

  #join(vf: ModelFunction, owner: Owner): Claim {
    const use = claimed(vf);
    const { state } = use.token;
    if (use.owners.includes(owner)) return this.#answer(vf);
    if (state.is === 'in-use' && state.handedOn) throw new Refusal(state.afterwards === 'free' ? 'refused' : 'busy');
    use.owners.push(owner);
    return this.#answer(vf);
  }

  #changeDriver(vf: ModelFunction, driver: DriverType): ModelFunction {
    const use = claimed(vf);
    if ((driver === 'kernel' || vf.vfio) && driversOf(this.functions, vf.group).length <= 1) {
      use.driver = driver;
      return vf;
    }
    const next = this.best(use.token, driver);
    const { owners, ...rest } = use;
    vf.use = { ...rest, is: 'superseded', owner: owners[0] as Owner };
    this.#close(use.token.name, vf);
    this.#occupy(next, { is: 'claimed', token: use.token, driver, owners, before: vf.address });
    return next;
  }

  #occupy(vf: ModelFunction, use: Extract<Use, { is: 'claimed' }>): void {
    vf.use = use;
    use.token.state = { is: 'in-use', vf: vf.address, afterwards: 'allocated', handedOn: false };
    for (const name of vf.names) if (name !== use.token.name) this.#close(name, vf);
  }

  #close(name: string, by: ModelFunction): void {
    const [token] = this.tokens
      .filter(({ name: its, state }) => its === name && (state.is === 'free' || state.is === 'allocated'))
      .sort(
        (a, b) =>
          Number(b.state.is === 'free') - Number(a.state.is === 'free') ||
          Number(b.home === by.pf) - Number(a.home === by.pf),
      );
    if (token === undefined) throw new Error(`the model has no token of ${name} to close`);
    token.state = { is: 'closed', by: by.address, was: podOf(token) };
  }

  /** No token of a pod is closed while one of its name is free: the free one is closed in its place. */
  #sparePods(): void {
    for (const token of this.tokens) {
      const { state } = token;
      if (state.is !== 'closed' || state.was === 'free') continue;
      if (!this.tokens.some(({ name, state: { is } }) => name === token.name && is === 'free')) continue;
      this.#close(token.name, this.#function(state.by));
      reopen(token);
    }
  }

  #withhold(vf: ModelFunction, reason: string): void {
    vf.use = { is: 'withheld', reason };
    for (const name of vf.names) this.#close(name, vf);
  }

  #vacate(vf: ModelFunction): void {
    this.#circulate(vf);
    const reason = this.#withheld.get(vf.pf);
    if (reason !== undefined) this.#withhold(vf, reason);
    this.#sparePods();
  }

  #circulate(vf: ModelFunction): void {
    vf.use = { is: 'free' };
    for (const token of this.tokens) if (token.state.is === 'closed' && token.state.by === vf.address) reopen(token);
  }

  #stillHeldBefore(vf: ModelFunction): ModelFunction | undefined {
    const { before, token } = claimed(vf);
    return this.functions.find(
      ({ address, use }) => address === before && use.is === 'superseded' && use.token === token,
    );
  }

  #reinstate(vf: ModelFunction): void {
    if (vf.use.is !== 'superseded') throw new Error('the model reinstates only what was superseded');
    const { owner, token, ...rest } = vf.use;
    vf.use = { ...rest, is: 'claimed', token, owners: [owner] };
    if (token.state.is === 'in-use') token.state = { ...token.state, vf: vf.address };
    for (const each of this.tokens) {
      if (each.name === token.name && each.state.is === 'closed' && each.state.by === vf.address) reopen(each);
    }
  }

  #answer(vf: ModelFunction): Claim {
    const { token, driver } = claimed(vf);
    const before = this.#stillHeldBefore(vf);
    return {
      function: vf.address,
      physicalFunction: vf.pf,
      vfIndex: vf.vfIndex,
      ...(vf.group !== undefined && { iommuGroup: vf.group }),
      token: token.id,
      driver,
      ...(before && { supersedes: before.address }),
    };
  }

  #token(id: TokenId): ModelToken {
    const token = this.tokens.find((each) => each.id === id);
    if (token === undefined) throw new Refusal('not-found');
    return token;
  }

  #functionsOf(pf: PciAddress): ModelFunction[] {
    if (!this.#physicalFunctions.has(pf)) throw new Refusal('not-found');
    return this.functions.filter((vf) => vf.pf === pf);
  }

  #function(address: PciAddress): ModelFunction {
    const vf = this.functions.find((each) => each.address === address);
    if (vf === undefined) throw new Refusal('not-found');
    return vf;
  }
}
