import type { PciAddress } from '../ports/pci-address.js';
import { IndexSet } from './index-set.js';
import type { Token } from './token.js';
import type { TokenLot } from './token-lots.js';

/** All tokens of one name, and which of them wait to be claimed or closed, by index. */
export interface TokensOfName {
  readonly all: readonly Token[];
  readonly free: IndexSet;
  readonly allocated: IndexSet;
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
  const arranged = { all, free: new IndexSet(all.length), allocated: new IndexSet(all.length) };
  const homes = new Map<PciAddress, [number, number]>();
  for (const [index, token] of all.entries()) {
    token.index = index;
    const { home } = token.place;
    token.place = lots[position(token)]?.place ?? (home === undefined ? {} : { home });
    if (home !== undefined) homes.set(home, [homes.get(home)?.[0] ?? index, index + 1]);
    if (token.standing.kind === 'available') arranged[token.held ? 'allocated' : 'free'].add(index);
  }
  return { ...arranged, homes };
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
