import type { PciAddress } from '../ports/pci-address.js';
import type { Catalogue } from './catalogue.js';
import { effectiveCatalogue, placeOf } from './effective-catalogue.js';
import { closedBy, type FunctionState } from './function-state.js';
import type { Holdings } from './holdings.js';
import { createInventory, type Inventory, namesOf, type VirtualFunction } from './inventory.js';
import type { Token } from './token.js';
import type { TokenLot } from './token-lots.js';
import type { TokenPool } from './token-pool.js';

/** What the pool shall come to. */
export interface Wanted {
  readonly catalogue: Catalogue;
  /** Its tokens. */
  readonly lots: ReadonlyMap<string, readonly TokenLot[]>;
}

/**
 * Brings the pool as near to a catalogue as what is held allows: whoever has a function or a token keeps it, everything
 * else follows.
 *
 * @returns whether something that is held stands in the way, so that this has to be done again when it is free
 */
export function settle(holdings: Holdings, { catalogue, lots }: Wanted): boolean {
  const before = holdings.inventory;
  const held = [...before.functions.values()].filter(({ state }) => isHeld(state));
  const places = held.map((vf) => ({ ...vf, physicalFunction: vf.physicalFunction.address }));
  const { catalogue: effective, leaving } = effectiveCatalogue(catalogue, places);
  const now = createInventory(effective, leaving);
  carryOver(before, now);
  settleTokens(holdings.tokens, { before, now, lots });
  holdings.replace(now);
  for (const vf of now.functions.values()) {
    const { withheld } = vf.physicalFunction;
    if (withheld !== undefined && vf.state.kind === 'free') holdings.withhold(vf, withheld);
  }
  return [...now.functions.values()].some((vf) => vf.leaving || standsForAnotherName(vf));
}

function isHeld({ kind }: FunctionState): boolean {
  return kind === 'claimed' || kind === 'superseded' || kind === 'quarantined';
}

/** The token that is in use, or in quarantine, with a function. */
function ownToken(state: FunctionState): Token | undefined {
  return state.kind === 'claimed' || state.kind === 'quarantined' ? state.token : undefined;
}

function standsForAnotherName(vf: VirtualFunction): boolean {
  const own = vf.state.kind === 'superseded' ? vf.state.token : ownToken(vf.state);
  return own !== undefined && !namesOf(vf).includes(own.name);
}

/** What happens to each function and PF goes on in the new inventory. */
function carryOver(before: Inventory, now: Inventory): void {
  const withheld = new Map(before.physicalFunctions.map((pf) => [pf.address, pf.withheld]));
  for (const pf of now.physicalFunctions) pf.withheld = withheld.get(pf.address);
  for (const vf of now.functions.values()) {
    const former = before.functions.get(vf.address);
    if (former === undefined) continue;
    if (isHeld(former.state) || samePlace(former, vf)) vf.state = former.state;
    repin(vf);
  }
}

function samePlace(one: VirtualFunction, other: VirtualFunction): boolean {
  const [a, b] = [one, other].map((vf) => placeOf({ ...vf, physicalFunction: vf.physicalFunction.address }));
  return a === b;
}

/** As it was: what a group may be pinned to was decided when its functions were given out. */
function repin({ lot: { group }, state }: VirtualFunction): void {
  const driver = 'driver' in state ? state.driver : undefined;
  if (group === undefined || driver === undefined) return;
  const members = group.state.kind === 'pinned' ? group.state.members + 1 : 1;
  group.state = { kind: 'pinned', driver, members };
}

/** As many tokens of every name in circulation as there are free functions, and for each other function one out of it. */
function settleTokens(
  tokens: TokenPool,
  { before, now, lots }: { readonly before: Inventory; readonly now: Inventory; readonly lots: Wanted['lots'] },
): void {
  for (const { address, state } of before.functions.values()) {
    if (now.functions.get(address)?.state !== state) for (const token of closedBy(state)) tokens.retire(token);
  }
  const functions = [...now.functions.values()];
  for (const vf of functions) dropClosed(tokens, vf);
  for (const name of new Set([...tokens.names(), ...lots.keys()])) {
    tokens.circulate(name, freeByHome(functions, name), lots.get(name) ?? []);
  }
  for (const vf of functions) addClosed(tokens, vf, lots);
  tokens.arrange(lots);
}

function freeByHome(functions: readonly VirtualFunction[], name: string): ReadonlyMap<PciAddress, number> {
  const free = new Map<PciAddress, number>();
  for (const vf of functions) {
    if (vf.state.kind !== 'free' || !namesOf(vf).includes(name)) continue;
    const home = vf.physicalFunction.address;
    free.set(home, (free.get(home) ?? 0) + 1);
  }
  return free;
}

/** The function no longer counts under some names. */
function dropClosed(tokens: TokenPool, vf: VirtualFunction): void {
  const names = namesOf(vf);
  const dropped = closedBy(vf.state).filter(({ name }) => !names.includes(name));
  if (dropped.length === 0) return;
  for (const token of dropped) tokens.retire(token);
  const closed = closedBy(vf.state).filter((token) => !dropped.includes(token));
  vf.state = { ...vf.state, closed } as FunctionState;
}

/** The function counts under further names, where it is not to be had either. */
function addClosed(tokens: TokenPool, vf: VirtualFunction, lots: Wanted['lots']): void {
  if (vf.state.kind === 'free') return;
  const covered = new Set(closedBy(vf.state).map(({ name }) => name));
  const own = ownToken(vf.state)?.name;
  const by = { address: vf.address, home: vf.physicalFunction.address };
  const added = namesOf(vf)
    .filter((name) => name !== own && !covered.has(name))
    .map((name) => tokens.addClosed(name, by, lots.get(name) ?? []));
  if (added.length > 0) vf.state = { ...vf.state, closed: [...closedBy(vf.state), ...added] } as FunctionState;
}
