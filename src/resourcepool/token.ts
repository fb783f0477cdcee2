import type { PciAddress } from '../ports/pci-address.js';
import type { TokenId } from './token-id.js';

/**
 * What the pool has made of a token.
 *
 * - `in-use`: `function` is selected for it. `handedOn` once kubelet has taken the token back or given it to another
 *   pod: whoever holds the function keeps it, and nobody new joins.
 * - `closed`: `function`, which it counted on, is held under another name, or by nobody's token.
 * - `quarantined`: `function` was in use under it, and cannot be trusted now.
 * - `retired`: what it stood for is no longer offered; it is there only as long as its pod.
 */
export type Standing =
  | { readonly kind: 'available' }
  | { readonly kind: 'in-use'; readonly function: PciAddress; readonly handedOn: boolean }
  | { readonly kind: 'closed'; readonly function: PciAddress }
  | { readonly kind: 'quarantined'; readonly function: PciAddress }
  | { readonly kind: 'retired' };

/** What can be said of the functions that a token may come to stand for. */
export interface TokenPlace {
  /** The PF whose functions it stands for as far as there are any, where tokens keep to a PF. */
  readonly home?: PciAddress;
  /** The NUMA node of all functions of `home`; absent when they differ or it is unknown. */
  readonly homeNode?: number;
  /** The NUMA node of all functions under the name, whichever it gets; absent when they differ or it is unknown. */
  readonly numaNode?: number;
}

/**
 * A token: capacity under one name, promised to a pod or not. What kubelet did (`held`) and what the pool did
 * (`standing`) are independent, every combination is possible, and so closing, using and quarantining a token can never
 * lose whose it is. Only the token pool writes to it.
 */
export interface Token {
  id: TokenId;
  readonly name: string;
  /** Position among the tokens of its name, in the order of creation. */
  index: number;
  place: TokenPlace;
  /** True while kubelet has it allocated to a pod. */
  held: boolean;
  standing: Standing;
}

/** The two facts about a token in one word. */
export type TokenState = 'free' | 'allocated' | 'in-use' | 'closed' | 'quarantined' | 'retired';

/** A token as others may see it: a copy of this moment. */
export interface TokenView extends TokenPlace {
  readonly id: TokenId;
  readonly name: string;
  readonly state: TokenState;
  /** What kubelet is told: false while closed, quarantined or retired. */
  readonly healthy: boolean;
  /** True while kubelet has it allocated to a pod: in the states after `allocated` also where it goes back to. */
  readonly heldByPod: boolean;
  /** The function in use under it, in quarantine with it, or that closed it. */
  readonly function?: PciAddress;
  /** The pod for which the function in use was claimed is gone; `heldByPod` is then about the next one. */
  readonly podGone?: true;
}

/** The state of a token at this moment. */
export function stateOf({ held, standing }: Token): TokenState {
  if (standing.kind !== 'available') return standing.kind;
  return held ? 'allocated' : 'free';
}

/** The view of a token at this moment. */
export function viewToken(token: Token): TokenView {
  const { id, name, held, standing, place } = token;
  const state = stateOf(token);
  const healthy = state === 'free' || state === 'allocated' || state === 'in-use';
  const always = { id, name, state, healthy, heldByPod: held, ...place };
  if (standing.kind === 'available' || standing.kind === 'retired') return always;
  const podGone = standing.kind === 'in-use' && standing.handedOn;
  return { ...always, function: standing.function, ...(podGone && { podGone }) };
}
