import type { ErrorKind } from '../../src/ports/error.js';
import { comparePciAddress, type PciAddress } from '../../src/ports/pci-address.js';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import type { AdoptRequest, Claim, ClaimRequest, Owner } from '../../src/resourcepool/claim.js';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { type ModelFunction, type ModelToken, podOf, type Use } from './naive-state.js';

/** What the model throws: the kind is all that it predicts of an error. */
class Refusal extends Error {
  readonly kind: ErrorKind;
  constructor(kind: ErrorKind) {
    super(kind);
    this.kind = kind;
  }
}

/** The pool as the simplest program that keeps its promises: two arrays, searched from end to end. */
export class NaivePool {
  readonly tokens: ModelToken[] = [];
  readonly functions: ModelFunction[] = [];

  constructor({ physicalFunctions }: Catalogue, newTokenId: () => TokenId) {
    for (const name of new Set(physicalFunctions.flatMap((pf) => pf.names))) {
      for (const pf of physicalFunctions.filter((each) => each.names.includes(name))) {
        for (const _ of pf.virtualFunctions) this.tokens.push({ id: newTokenId(), name, state: { is: 'free' } });
      }
    }
    const all = physicalFunctions.flatMap((pf) => pf.virtualFunctions);
    for (const pf of physicalFunctions) {
      for (const [vfIndex, { address, iommuGroup: group }] of pf.virtualFunctions.entries()) {
        const members = all.filter((vf) => group !== undefined && vf.iommuGroup === group);
        const vfio = group !== undefined && !members.some((vf) => vf.groupHasPhysicalFunction);
        this.functions.push({ address, pf: pf.address, names: pf.names, vfIndex, group, vfio, use: { is: 'free' } });
      }
    }
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
  }

  claim({ token: id, owner, driver }: ClaimRequest): Claim {
    const token = this.#token(id);
    const { state } = token;
    if (podOf(token) === 'free' && state.is !== 'in-use') throw new Refusal('refused');
    if (state.is === 'closed') throw new Refusal('refused');
    if (state.is === 'quarantined') throw new Refusal('busy');
    if (state.is !== 'in-use') {
      const best = this.best(token.name, driver);
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
    if (vf.use.is !== 'free' || !this.#couldHave(vf, driver)) throw new Refusal('busy');
    if (state.is === 'closed') this.#close(token.name, state.by);
    this.#occupy(vf, { is: 'claimed', token, driver, owners: [owner] });
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
    this.#vacate(vf);
    if (before !== undefined) this.#reinstate(before);
    return true;
  }

  quarantine(address: PciAddress, reason: string, mayHave?: DriverType): void {
    const vf = this.#function(address);
    const { use } = vf;
    if (use.is === 'free') {
      const pins = mayHave !== undefined && this.#couldHave(vf, mayHave);
      vf.use = { is: 'quarantined', reason, ...(pins && { driver: mayHave }) };
      for (const name of vf.names) this.#close(name, address);
    } else if (use.is === 'quarantined') {
      use.reason = reason;
    } else {
      vf.use = { is: 'quarantined', reason, driver: use.driver };
      if (use.is !== 'claimed') return;
      vf.use.token = use.token;
      use.token.state = { is: 'quarantined', vf: address, afterwards: podOf(use.token) };
    }
  }

  recover(address: PciAddress): boolean {
    const vf = this.#function(address);
    if (vf.use.is !== 'quarantined') return false;
    if (vf.use.token) reopen(vf.use.token);
    this.#vacate(vf);
    return true;
  }

  /** The pool's rule of choice, as a sort over all functions. */
  best(name: string, driver: DriverType): ModelFunction {
    const [best] = this.functions
      .filter((vf) => vf.use.is === 'free' && vf.names.includes(name) && this.#couldHave(vf, driver))
      .sort(
        (a, b) =>
          Number(this.driverOf(b.group) === driver) - Number(this.driverOf(a.group) === driver) ||
          this.freeOn(b.pf) - this.freeOn(a.pf) ||
          comparePciAddress(a.address, b.address),
      );
    if (best === undefined) throw new Refusal('exhausted');
    return best;
  }

  driverOf(group: number | undefined): DriverType | undefined {
    return this.#pinning(group)[0];
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

  #pinning(group: number | undefined): DriverType[] {
    const members = this.functions.filter((vf) => group !== undefined && vf.group === group);
    return members.flatMap(({ use }) => (use.is !== 'free' && use.driver ? [use.driver] : []));
  }

  #changeDriver(vf: ModelFunction, driver: DriverType): ModelFunction {
    const use = claimed(vf);
    if ((driver === 'kernel' || vf.vfio) && this.#pinning(vf.group).length <= 1) {
      use.driver = driver;
      return vf;
    }
    const next = this.best(use.token.name, driver);
    const { owners, ...rest } = use;
    vf.use = { ...rest, is: 'superseded', owner: owners[0] as Owner };
    this.#close(use.token.name, vf.address);
    this.#occupy(next, { is: 'claimed', token: use.token, driver, owners, before: vf.address });
    return next;
  }

  #occupy(vf: ModelFunction, use: Extract<Use, { is: 'claimed' }>): void {
    vf.use = use;
    use.token.state = { is: 'in-use', vf: vf.address, afterwards: 'allocated', handedOn: false };
    for (const name of vf.names) if (name !== use.token.name) this.#close(name, vf.address);
  }

  #close(name: string, by: PciAddress): void {
    const named = this.tokens.filter((token) => token.name === name);
    const token = named.find(({ state }) => state.is === 'free') ?? named.find(({ state }) => state.is === 'allocated');
    if (token === undefined) throw new Error(`the model has no token of ${name} to close`);
    token.state = { is: 'closed', by, was: podOf(token) };
  }

  #vacate(vf: ModelFunction): void {
    vf.use = { is: 'free' };
    for (const token of this.tokens) if (token.state.is === 'closed' && token.state.by === vf.address) reopen(token);
  }

  #stillHeldBefore(vf: ModelFunction): ModelFunction | undefined {
    const { before, token } = claimed(vf);
    const candidate = before && this.#function(before);
    return candidate?.use.is === 'superseded' && candidate.use.token === token ? candidate : undefined;
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

  #function(address: PciAddress): ModelFunction {
    const vf = this.functions.find((each) => each.address === address);
    if (vf === undefined) throw new Refusal('not-found');
    return vf;
  }
}

function reopen(token: ModelToken): void {
  token.state = { is: podOf(token) };
}

function claimed({ use }: ModelFunction): Extract<Use, { is: 'claimed' }> {
  if (use.is !== 'claimed') throw new Error('the model expects a claimed function');
  return use;
}
