import type { PciAddress } from '../ports/pci-address.js';
import type { Owner } from './claim.js';
import type { DriverType } from './driver-type.js';
import type { Token } from './token.js';

/**
 * What is happening to a function. Every state but `free` holds `closed`: one token of each name of its PF that is out
 * of circulation because the function is not to be had (less the name of `token` where the token itself stands for it).
 * Every state with a `driver` pins the IOMMU group to it.
 *
 * ```
 * free ──claim, adopt──▶ claimed ──last release──▶ free
 * claimed ──claim with the other driver, elsewhere──▶ superseded ──release──▶ free
 * superseded ──its successor released first──▶ claimed
 * any ──quarantine──▶ quarantined ──recover──▶ free
 * free ──its PF is withheld──▶ withheld ──its PF is offered again──▶ free
 * ```
 *
 * What becomes free while its PF is withheld is withheld at once.
 */
export type FunctionState = { readonly kind: 'free' } | Claimed | Superseded | Quarantined | Withheld;

/** The tokens that are out of circulation because of the function. */
export function closedBy(state: FunctionState): readonly Token[] {
  return state.kind === 'free' ? [] : state.closed;
}

export interface Claimed {
  readonly kind: 'claimed';
  readonly token: Token;
  readonly driver: DriverType;
  /** Never empty. */
  readonly owners: ReadonlySet<Owner>;
  readonly closed: readonly Token[];
  /** The function that the token had before, with the other driver; it may be long free by now. */
  readonly supersedes?: PciAddress;
}

/** Still with its owner, who has another function under the token now. */
export interface Superseded {
  readonly kind: 'superseded';
  readonly token: Token;
  readonly driver: DriverType;
  readonly owner: Owner;
  readonly closed: readonly Token[];
  readonly supersedes?: PciAddress;
}

export interface Quarantined {
  readonly kind: 'quarantined';
  /** For people: what is wrong. */
  readonly reason: string;
  /** The token that was in use with it. */
  readonly token?: Token;
  /** What it may still be bound to; absent when it was free and nobody said. */
  readonly driver?: DriverType;
  readonly closed: readonly Token[];
}

/** Nobody's, and not to be had: its PF serves nobody at present. */
export interface Withheld {
  readonly kind: 'withheld';
  /** For people: what is wrong with the PF. */
  readonly reason: string;
  readonly closed: readonly Token[];
}
