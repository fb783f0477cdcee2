import type { PciAddress } from '../ports/pci-address.js';
import type { AdoptRequest, Claim, ClaimRequest, Owner } from './claim.js';
import {
  assertNotHandedOn,
  cannotAdopt,
  hasAnother,
  noLongerOffered,
  notAllocated,
  notOffered,
  notToBeHad,
  otherDriver,
  sharedByTooMany,
} from './claim-refusals.js';
import type { DriverType } from './driver-type.js';
import type { Claimed, Superseded } from './function-state.js';
import type { Holdings } from './holdings.js';
import { namesOf, type VirtualFunction } from './inventory.js';
import type { Token } from './token.js';

/** A pod's connections to a VF: one, and for a while two where one takes the place of another. */
const mostOwners = 16;

/**
 * Who has which function: the transitions of {@link FunctionState} that owners wish for, each with its consequences for
 * tokens and IOMMU groups. Everything is checked before anything changes.
 */
export class FunctionClaims {
  readonly #holdings: Holdings;
  readonly #changed: () => void;

  /** `changed` is called as the last thing of whatever changed anything. */
  constructor(holdings: Holdings, changed: () => void) {
    this.#holdings = holdings;
    this.#changed = changed;
  }

  /** See {@link ResourcePool.claim}. */
  claim(request: ClaimRequest): Claim {
    const token = this.#holdings.tokens.get(request.token);
    const { held, standing } = token;
    if (!held && standing.kind !== 'in-use') throw notAllocated(token);
    switch (standing.kind) {
      case 'available':
        return this.#claimFirst(token, request);
      case 'in-use':
        return this.#claimAgain(token, this.#holdings.get(standing.function), request);
      case 'closed':
      case 'quarantined':
        throw notToBeHad(token, this.#holdings.get(standing.function));
      case 'retired':
        throw noLongerOffered(token);
    }
  }

  /** See {@link ResourcePool.adopt}. */
  adopt(request: AdoptRequest): Claim {
    const token = this.#holdings.tokens.get(request.token);
    const vf = this.#holdings.get(request.function);
    const { held, standing } = token;
    if (!held && standing.kind !== 'in-use') throw notAllocated(token);
    switch (standing.kind) {
      case 'available':
      case 'closed':
        return this.#adoptFirst(token, vf, request);
      case 'in-use':
        return this.#adoptAgain(token, vf, request);
      case 'quarantined':
        throw notToBeHad(token, this.#holdings.get(standing.function));
      case 'retired':
        throw noLongerOffered(token);
    }
  }

  /** See {@link ResourcePool.release}. */
  release(address: PciAddress, owner: Owner): boolean {
    const vf = this.#holdings.get(address);
    const { state } = vf;
    if (state.kind === 'superseded' && state.owner === owner) {
      this.#holdings.vacate(vf, state);
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

  #claimFirst(token: Token, request: ClaimRequest): Claim {
    const vf = this.#holdings.choose(token, request.driver);
    return this.#grant(
      vf,
      this.#holdings.occupy(vf, { token, driver: request.driver, owners: new Set([request.owner]) }),
    );
  }

  #adoptFirst(token: Token, vf: VirtualFunction, { driver, owner }: AdoptRequest): Claim {
    if (!namesOf(vf).includes(token.name)) throw notOffered(token, vf);
    if (!this.#holdings.free.has(vf, driver)) throw cannotAdopt(token, vf);
    this.#holdings.letGo(vf);
    this.#holdings.spare(token);
    return this.#grant(vf, this.#holdings.occupy(vf, { token, driver, owners: new Set([owner]) }));
  }

  #adoptAgain(token: Token, vf: VirtualFunction, request: AdoptRequest): Claim {
    const { state } = vf;
    if (state.kind !== 'claimed' || state.token !== token) {
      const other = token.standing.kind === 'in-use' ? this.#holdings.get(token.standing.function) : vf;
      throw hasAnother(token, vf, other);
    }
    if (state.driver !== request.driver) throw otherDriver(vf, state);
    return this.#claimAgain(token, vf, request);
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
    if (claimed.owners.size >= mostOwners) throw sharedByTooMany(claimed.token, vf, mostOwners);
    return this.#grant(vf, { ...claimed, owners: new Set([...claimed.owners, owner]) });
  }

  /** Where it is if its group allows that, else on another function: the old one stays the owner's until released. */
  #changeDriver(vf: VirtualFunction, claimed: Claimed, driver: DriverType): Claim {
    if (this.#holdings.free.repin(vf, driver)) return this.#grant(vf, { ...claimed, driver });
    const { token, owners } = claimed;
    const next = this.#holdings.choose(token, driver);
    this.#supersede(vf, claimed);
    return this.#grant(next, this.#holdings.occupy(next, { token, driver, owners, supersedes: vf.address }));
  }

  #grant(vf: VirtualFunction, claimed: Claimed): Claim {
    vf.state = claimed;
    const claim = this.#answer(vf, claimed);
    this.#changed();
    return claim;
  }

  /** From now on a closed token stands for the function, as its own token stands for the successor. */
  #supersede(vf: VirtualFunction, { owners, closed, ...claimed }: Claimed): void {
    const [owner] = owners;
    if (owner === undefined) throw new Error(`bug: VF ${vf.address} is claimed by nobody`);
    const standIn = this.#holdings.tokens.closeOne(claimed.token.name, {
      address: vf.address,
      home: vf.physicalFunction.address,
    });
    vf.state = { ...claimed, kind: 'superseded', owner, closed: [...closed, standIn] };
  }

  #endClaim(vf: VirtualFunction, claimed: Claimed): void {
    const before = this.#supersededBy(claimed);
    if (before === undefined) this.#holdings.tokens.reopen(claimed.token);
    else this.#reinstate(before.vf, before.state);
    this.#holdings.vacate(vf, claimed);
  }

  /** The successor is given up first, as when a driver change is undone: the token goes back to the function it had. */
  #reinstate(vf: VirtualFunction, { owner, closed, ...superseded }: Superseded): void {
    const { token } = superseded;
    this.#holdings.tokens.use(token, vf.address);
    for (const standIn of closed) if (standIn.name === token.name) this.#holdings.tokens.reopen(standIn);
    const siblings = closed.filter(({ name }) => name !== token.name);
    vf.state = { ...superseded, kind: 'claimed', owners: new Set([owner]), closed: siblings };
  }

  /** The function that the token had before, if its owner has not released it yet. */
  #supersededBy({ token, supersedes }: Claimed): { vf: VirtualFunction; state: Superseded } | undefined {
    const vf = supersedes && this.#holdings.inventory.functions.get(supersedes);
    if (vf === undefined) return undefined;
    const { state } = vf;
    return state.kind === 'superseded' && state.token === token ? { vf, state } : undefined;
  }

  #answer({ address, physicalFunction, vfIndex, lot }: VirtualFunction, claimed: Claimed): Claim {
    const before = this.#supersededBy(claimed);
    return {
      function: address,
      physicalFunction: physicalFunction.address,
      vfIndex,
      ...(lot.group?.number !== undefined && { iommuGroup: lot.group.number }),
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
