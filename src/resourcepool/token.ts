import type { PciAddress } from '../ports/pci-address.js';
import type { TokenId } from './token-id.js';

/**
 * What the pool has made of a token. `closed` tokens and `quarantined` ones stand for capacity that is gone for now.
 *
 * - `in-use`: `function` is selected for it. `handedOn` once kubelet has taken the token back or given it to another
 *   pod: whoever holds the function keeps it, and nobody new joins.
 * - `closed`: the function `by`, which it counted on, is held under another name, or by nobody's token.
 */
export type Standing =
  | { readonly kind: 'available' }
  | { readonly kind: 'in-use'; readonly function: PciAddress; readonly handedOn: boolean }
  | { readonly kind: 'closed'; readonly by: PciAddress }
  | { readonly kind: 'quarantined'; readonly function: PciAddress };

/**
 * A token: capacity under one name, promised to a pod or not. What kubelet did (`held`) and what the pool did
 * (`standing`) are independent, every combination is possible, and so closing, using and quarantining a token can never
 * lose whose it is. Only the token pool writes to it.
 */
export interface Token {
  id: TokenId;
  readonly name: string;
  /** Position among the tokens of its name, in the order of creation. */
  readonly index: number;
  /** True while kubelet has it allocated to a pod. */
  held: boolean;
  standing: Standing;
}

/** A token as others may see it: a copy of this moment. */
export interface TokenView {
  readonly id: TokenId;
  readonly name: string;
  readonly state: 'free' | 'allocated' | 'in-use' | 'closed' | 'quarantined';
  /** What kubelet is told: false while closed or quarantined. */
  readonly healthy: boolean;
  /** True while kubelet has it allocated to a pod; in every other state but `free` and `allocated` also where it goes back to. */
  readonly heldByPod: boolean;
  /** The function in use under it, in quarantine with it, or that closed it. */
  readonly function?: PciAddress;
}

/** The view of a token at this moment. */
export function viewToken({ id, name, held, standing }: Token): TokenView {
  const common = { id, name, heldByPod: held };
  switch (standing.kind) {
    case 'available':
      return { ...common, state: held ? 'allocated' : 'free', healthy: true };
    case 'in-use':
      return { ...common, state: 'in-use', healthy: true, function: standing.function };
    case 'closed':
      return { ...common, state: 'closed', healthy: false, function: standing.by };
    case 'quarantined':
      return { ...common, state: 'quarantined', healthy: false, function: standing.function };
  }
}
