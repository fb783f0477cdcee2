import type { Catalogue, PoolPhysicalFunction } from './catalogue.js';
import type { TokenPlace } from './token.js';

/** How many tokens of a name are made for one PF, and what can be said of them. */
export interface TokenLot {
  readonly count: number;
  readonly place: TokenPlace;
}

/** How a pool shall be. */
export interface PoolOptions {
  /**
   * Every token keeps to the PF for which it was made: it gets one of that PF's functions as long as there is one that
   * serves, so that whoever chooses tokens chooses PFs. Otherwise the PF with most free functions gives the next one.
   */
  readonly tokensKeepToPhysicalFunction?: boolean;
}

/** The tokens of each name, as many for each PF as it has functions. */
export function tokenLots({ physicalFunctions }: Catalogue, options: PoolOptions): Map<string, TokenLot[]> {
  const names = new Set(physicalFunctions.flatMap((pf) => pf.names));
  return new Map(
    [...names].map((name) => {
      const offering = physicalFunctions.filter((pf) => pf.names.includes(name));
      const numaNode = commonNode(offering);
      return [
        name,
        offering.map((pf): TokenLot => ({ count: pf.virtualFunctions.length, place: placeOf(pf, numaNode, options) })),
      ];
    }),
  );
}

function placeOf(pf: PoolPhysicalFunction, numaNode: number | undefined, options: PoolOptions): TokenPlace {
  const homeNode = commonNode([pf]);
  return {
    ...(options.tokensKeepToPhysicalFunction === true && {
      home: pf.address,
      ...(homeNode !== undefined && { homeNode }),
    }),
    ...(numaNode !== undefined && { numaNode }),
  };
}

/** The NUMA node of all functions of these PFs; undefined when they differ or one is unknown. */
function commonNode(physicalFunctions: readonly PoolPhysicalFunction[]): number | undefined {
  const nodes = new Set(physicalFunctions.flatMap((pf) => pf.virtualFunctions.map((vf) => vf.numaNode)));
  const [node] = nodes;
  return nodes.size === 1 ? node : undefined;
}
