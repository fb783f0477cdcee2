import type { PciAddress } from '../ports/pci-address.js';
import { IndexSet } from './index-set.js';
import type { Token } from './token.js';
import type { TokenLot } from './token-lots.js';

/** All tokens of one name, and which of them wait for what, by index. */
export interface TokensOfName {
  readonly all: readonly Token[];
  /** Those that wait to be allocated or closed. */
  readonly free: IndexSet;
  /** Those that wait to be claimed or closed. */
  readonly allocated: IndexSet;
  /** Those that are a pod's and closed: none is left in here while any is free. */
  readonly wanting: IndexSet;
  /** The tokens of a PF, where they keep to one: indices from the first to before the second. */
  readonly homes: ReadonlyMap<PciAddress, readonly [from: number, to: number]>;
}

/**
 * Puts the tokens of a name into the order of its lots, each beside those of its PF where they keep to one, and says anew
 * what can be said of them. Those of a PF that is no longer there come last.
 */
export function arrangeTokens(tokens: readonly Token[], lots: readonly TokenLot[]): TokensOfName {
  const position = ({ place: { home } }: Token) => {
    const at = lots.findIndex((lot) => lot.place.home === home);
    return at === -1 ? lots.length : at;
  };
  const all = [...tokens].sort((a, b) => position(a) - position(b));
  const set = () => new IndexSet(all.length);
  const arranged = {
    all,
    free: set(),
    allocated: set(),
    wanting: set(),
    homes: new Map<PciAddress, [number, number]>(),
  };
  const { homes } = arranged;
  for (const [index, token] of all.entries()) {
    token.index = index;
    const { home } = token.place;
    token.place = lots[position(token)]?.place ?? (home === undefined ? {} : { home });
    if (home !== undefined) homes.set(home, [homes.get(home)?.[0] ?? index, index + 1]);
    waitingIn(token, arranged)?.add(index);
  }
  return arranged;
}

/** Where a token waits; undefined when it does not. */
export function waitingIn({ held, standing }: Token, tokens: TokensOfName): IndexSet | undefined {
  if (standing.kind === 'available') return held ? tokens.allocated : tokens.free;
  return standing.kind === 'closed' && held ? tokens.wanting : undefined;
}

/** The token to be closed for a function of this PF: free ones first, and among those the ones that keep to it. */
export function firstToClose({ free, allocated, homes }: TokensOfName, home: PciAddress): number | undefined {
  const atHome = homes.get(home);
  return firstWithin(free, atHome) ?? free.first ?? firstWithin(allocated, atHome) ?? allocated.first;
}

function firstWithin(set: IndexSet, range: readonly [from: number, to: number] | undefined): number | undefined {
  if (range === undefined) return undefined;
  const [from, to] = range;
  const first = set.next(from);
  return first !== undefined && first < to ? first : undefined;
}
