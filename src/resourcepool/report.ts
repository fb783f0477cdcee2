import type { PciAddress } from '../ports/pci-address.js';
import type { DriverType } from './driver-type.js';
import { type FunctionView, viewFunction } from './function-view.js';
import type { Inventory } from './inventory.js';
import { stateOf, type TokenState } from './token.js';
import type { TokenPool } from './token-pool.js';

/** What is held, for people: plain data, in the order of the catalogue. */
export interface PoolReport {
  readonly physicalFunctions: readonly {
    readonly address: PciAddress;
    readonly total: number;
    readonly free: number;
    /** Why none of them is given out, if none is. */
    readonly withheld?: string;
  }[];
  /** How many tokens of each name are in each state. */
  readonly names: readonly ({ readonly name: string } & Readonly<Record<TokenState, number>>)[];
  /** The IOMMU groups that are pinned to a driver, and by how many functions. */
  readonly groups: readonly { readonly iommuGroup: number; readonly driver: DriverType; readonly members: number }[];
  /** Every function that is not free. */
  readonly held: readonly FunctionView[];
}

/** Writes the report of this moment. */
export function reportPool(inventory: Inventory, tokens: TokenPool): PoolReport {
  return {
    physicalFunctions: inventory.physicalFunctions.map(({ address, total, free, withheld }) => ({
      address,
      total,
      free,
      ...(withheld !== undefined && { withheld }),
    })),
    names: tokens.names().map((name) => ({ name, ...countStates(tokens, name) })),
    groups: [...inventory.lots.keys()].flatMap(({ number, state }) =>
      state.kind === 'pinned' && number !== undefined
        ? [{ iommuGroup: number, driver: state.driver, members: state.members }]
        : [],
    ),
    held: [...inventory.functions.values()].filter((vf) => vf.state.kind !== 'free').map(viewFunction),
  };
}

function countStates(tokens: TokenPool, name: string): Record<TokenState, number> {
  const counts = { free: 0, allocated: 0, 'in-use': 0, closed: 0, quarantined: 0, retired: 0 };
  for (const token of tokens.of(name)) counts[stateOf(token)]++;
  return counts;
}
