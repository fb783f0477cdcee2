import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { AdoptRequest, Claim, ClaimRequest, Owner } from './claim.js';
import {
  assertNotHandedOn,
  cannotAdopt,
  hasAnother,
  noneFree,
  notAllocated,
  notOffered,
  notToBeHad,
  otherDriver,
} from './claim-refusals.js';
import type { DriverType } from './driver-type.js';
import type { FreeFunctions } from './free-functions.js';
import type { Claimed, Quarantined, Superseded } from './function-state.js';
import type { VirtualFunction } from './inventory.js';
import type { Token } from './token.js';
import type { TokenPool } from './token-pool.js';

/** What the claims work on, and whom they tell. */
export interface ClaimsParts {
  readonly functions: ReadonlyMap<PciAddress, VirtualFunction>;
  readonly free: FreeFunctions;
  readonly tokens: TokenPool;
  /** Called as the last thing of whatever changed anything. */
  readonly changed: () => void;
}

/**
 * Who has which function: the transitions of {@link FunctionState}, each with its consequences for tokens and IOMMU
 * groups. Everything is checked before anything changes.
 */
export class FunctionClaims {
  readonly #functions: ReadonlyMap<PciAddress, VirtualFunction>;
  readonly #free: FreeFunctions;
  readonly #tokens: TokenPool;
  readonly #changed: () => void;

  constructor({ functions, free, tokens, changed }: ClaimsParts) {
    this.#functions = functions;
    this.#free = free;
    this.#tokens = tokens;
    this.#changed = changed;
  }

  /** See {@link ResourcePool.claim}. */
  claim(request: ClaimRequest): Claim {
    const token = this.#tokens.get(request.token);
    const { held, standing } = token;
    if (!held && standing.kind !== 'in-use') throw notAllocated(token);
    switch (standing.kind) {
      case 'available':
        return this.#claimFirst(token, request);
      case 'in-use':
        return this.#claimAgain(token, this.get(standing.function), request);
      case 'closed':
      case 'quarantined':
        throw notToBeHad(token, this.get(standing.function));
    }
  }

  /** See {@link ResourcePool.adopt}. */
  adopt(request: AdoptRequest): Claim {
    const token = this.#tokens.get(request.token);
    const vf = this.get(request.function);
    const { held, standing } = token;
    if (!held && standing.kind !== 'in-use') throw notAllocated(token);
    switch (standing.kind) {
      case 'available':
      case 'closed':
        return this.#adoptFirst(token, vf, request);
      case 'in-use':
        return this.#adoptAgain(token, vf, request);
      case 'quarantined':
        throw notToBeHad(token, this.get(standing.function));
    }
  }

  /** See {@link ResourcePool.release}. */
  release(address: PciAddress, owner: Owner): boolean {
    const vf = this.get(address);
    const { state } = vf;
    if (state.kind === 'superseded' && state.owner === owner) {
      this.#vacate(vf, state);
    } else if (state.kind === 'claimed' && state.owners.has(owner)) {
      const owners = new Set(state.owners);
      owners.delete(owner);
      if (owners.size > 0) vf.state = { ...state, owners };
      else this.#endClaim(vf, state);
    } else {
      return false;
    }
    this.#changed();
    return true;
  }

  /** See {@link ResourcePool.quarantine}. */
  quarantine(address: PciAddress, reason: string, mayHave?: DriverType): void {
    const vf = this.get(address);
    const { state } = vf;
    switch (state.kind) {
      case 'free':
        this.#quarantineFree(vf, reason, mayHave);
        break;
      case 'claimed':
        this.#tokens.quarantine(state.token);
        vf.state = { kind: 'quarantined', reason, token: state.token, driver: state.driver, closed: state.closed };
        break;
      case 'superseded':
        vf.state = { kind: 'quarantined', reason, driver: state.driver, closed: state.closed };
        break;
      case 'quarantined':
        if (state.reason === reason) return;
        vf.state = { ...state, reason };
    }
    this.#changed();
  }

  /** See {@link ResourcePool.recover}. */
  recover(address: PciAddress): boolean {
    const vf = this.get(address);
    if (vf.state.kind !== 'quarantined') return false;
    if (vf.state.token !== undefined) this.#tokens.reopen(vf.state.token);
    this.#vacate(vf, vf.state);
    this.#changed();
    return true;
  }

  /** @throws ForwarderError `not-found` */
  get(address: PciAddress): VirtualFunction {
    const vf = this.#functions.get(address);
    if (vf === undefined) throw new ForwarderError('not-found', `${address} is not a VF of this pool`);
    return vf;
  }

  #claimFirst(token: Token, request: ClaimRequest): Claim {
    const vf = this.#choose(token.name, request.driver);
    return this.#grant(vf, this.#occupy(vf, { token, driver: request.driver, owners: new Set([request.owner]) }));
  }

  #adoptFirst(token: Token, vf: VirtualFunction, { driver, owner }: AdoptRequest): Claim {
    if (!vf.physicalFunction.names.includes(token.name)) throw notOffered(token, vf);
    if (!this.#free.has(vf, driver)) throw cannotAdopt(token, vf);
    if (token.standing.kind === 'closed') this.#spare(token, this.get(token.standing.function));
    return this.#grant(vf, this.#occupy(vf, { token, driver, owners: new Set([owner]) }));
  }

  #adoptAgain(token: Token, vf: VirtualFunction, request: AdoptRequest): Claim {
    const { state } = vf;
    if (state.kind !== 'claimed' || state.token !== token) {
      const other = token.standing.kind === 'in-use' ? this.get(token.standing.function) : vf;
      throw hasAnother(token, vf, other);
    }
    if (state.driver !== request.driver) throw otherDriver(vf, state);
    return this.#claimAgain(token, vf, request);
  }

  /** Lets another token of the name be the closed one. */
  #spare(token: Token, by: VirtualFunction): void {
    const { state } = by;
    if (state.kind === 'free') throw new Error(`bug: VF ${by.address} is free, yet it closed token ${token.id}`);
    const standIn = this.#tokens.spare(token);
    by.state = { ...state, closed: state.closed.map((each) => (each === token ? standIn : each)) };
  }

  #quarantineFree(vf: VirtualFunction, reason: string, mayHave: DriverType | undefined): void {
    const driver = mayHave !== undefined && this.#free.has(vf, mayHave) ? mayHave : undefined;
    this.#free.take(vf, driver);
    vf.state = { kind: 'quarantined', reason, ...(driver && { driver }), closed: this.#closeFor(vf) };
  }

  #claimAgain(token: Token, vf: VirtualFunction, { owner, driver }: ClaimRequest): Claim {
    const claimed = expectClaimed(vf);
    const sameDriver = claimed.driver === driver;
    if (sameDriver && claimed.owners.has(owner)) return this.#answer(vf, claimed);
    assertNotHandedOn(token, vf);
    if (sameDriver) return this.#share(vf, claimed, owner);
    if (claimed.owners.size > 1 || !claimed.owners.has(owner)) throw otherDriver(vf, claimed);
    return this.#changeDriver(vf, claimed, driver);
  }

  #share(vf: VirtualFunction, claimed: Claimed, owner: Owner): Claim {
    return this.#grant(vf, { ...claimed, owners: new Set([...claimed.owners, owner]) });
  }

  /** Where it is if its group allows that, else on another function: the old one stays the owner's until released. */
  #changeDriver(vf: VirtualFunction, claimed: Claimed, driver: DriverType): Claim {
    if (this.#free.repin(vf, driver)) return this.#grant(vf, { ...claimed, driver });
    const { token, owners } = claimed;
    const next = this.#choose(token.name, driver);
    this.#supersede(vf, claimed);
    return this.#grant(next, this.#occupy(next, { token, driver, owners, supersedes: vf.address }));
  }

  #choose(name: string, driver: DriverType): VirtualFunction {
    const vf = this.#free.choose(name, driver);
    if (vf !== undefined) return vf;
    throw noneFree(name, driver, this.#free.count(name));
  }

  #grant(vf: VirtualFunction, claimed: Claimed): Claim {
    vf.state = claimed;
    const claim = this.#answer(vf, claimed);
    this.#changed();
    return claim;
  }

  #occupy(vf: VirtualFunction, by: Omit<Claimed, 'kind' | 'closed'>): Claimed {
    this.#tokens.use(by.token, vf.address);
    this.#free.take(vf, by.driver);
    return { kind: 'claimed', ...by, closed: this.#closeFor(vf, by.token.name) };
  }

  /** From now on a closed token stands for the function, as its own token stands for the successor. */
  #supersede(vf: VirtualFunction, { owners, closed, ...claimed }: Claimed): void {
    const [owner] = owners;
    if (owner === undefined) throw new Error(`bug: VF ${vf.address} is claimed by nobody`);
    const standIn = this.#tokens.closeOne(claimed.token.name, vf.address);
    vf.state = { ...claimed, kind: 'superseded', owner, closed: [...closed, standIn] };
  }

  #endClaim(vf: VirtualFunction, claimed: Claimed): void {
    const before = this.#supersededBy(claimed);
    if (before === undefined) this.#tokens.reopen(claimed.token);
    else this.#reinstate(before.vf, before.state);
    this.#vacate(vf, claimed);
  }

  /** The successor is given up first, as when a driver change is undone: the token goes back to the function it had. */
  #reinstate(vf: VirtualFunction, { owner, closed, ...superseded }: Superseded): void {
    const { token } = superseded;
    this.#tokens.use(token, vf.address);
    for (const standIn of closed) if (standIn.name === token.name) this.#tokens.reopen(standIn);
    const siblings = closed.filter(({ name }) => name !== token.name);
    vf.state = { ...superseded, kind: 'claimed', owners: new Set([owner]), closed: siblings };
  }

  #vacate(
    vf: VirtualFunction,
    { closed, driver }: Pick<Claimed | Superseded | Quarantined, 'closed' | 'driver'>,
  ): void {
    for (const token of closed) this.#tokens.reopen(token);
    vf.state = { kind: 'free' };
    this.#free.put(vf, driver);
  }

  /** Closes one token of each name of the function's PF; none of the name whose own token is in use with it. */
  #closeFor({ address, physicalFunction }: VirtualFunction, except?: string): Token[] {
    return physicalFunction.names.filter((name) => name !== except).map((name) => this.#tokens.closeOne(name, address));
  }

  /** The function that the token had before, if its owner has not released it yet. */
  #supersededBy({ token, supersedes }: Claimed): { vf: VirtualFunction; state: Superseded } | undefined {
    if (supersedes === undefined) return undefined;
    const vf = this.get(supersedes);
    const { state } = vf;
    return state.kind === 'superseded' && state.token === token ? { vf, state } : undefined;
  }

  #answer({ address, physicalFunction, vfIndex, lot }: VirtualFunction, claimed: Claimed): Claim {
    const before = this.#supersededBy(claimed);
    return {
      function: address,
      physicalFunction: physicalFunction.address,
      vfIndex,
      ...(lot.group && { iommuGroup: lot.group.number }),
      token: claimed.token.id,
      driver: claimed.driver,
      ...(before && { supersedes: before.vf.address }),
    };
  }
}

function expectClaimed({ address, state }: VirtualFunction): Claimed {
  if (state.kind !== 'claimed') throw new Error(`bug: a token is in use with VF ${address}, which is ${state.kind}`);
  return state;
}
