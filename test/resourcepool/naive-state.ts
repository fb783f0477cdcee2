import type { ErrorKind } from '../../src/ports/error.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import type { Owner } from '../../src/resourcepool/claim.js';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import type { PoolOptions } from '../../src/resourcepool/token-lots.js';

type Pod = 'free' | 'allocated';

type TokenState =
  | { is: 'free' }
  | { is: 'allocated' }
  | { is: 'in-use'; vf: PciAddress; afterwards: Pod; handedOn: boolean }
  | { is: 'closed'; by: PciAddress; was: Pod }
  | { is: 'quarantined'; vf: PciAddress; afterwards: Pod };

/** A token of the model. */
export interface ModelToken {
  id: TokenId;
  name: string;
  home?: PciAddress;
  state: TokenState;
}

/** What is happening to a function of the model. */
export type Use =
  | { is: 'free' }
  | { is: 'claimed'; token: ModelToken; driver: DriverType; owners: Owner[]; before?: PciAddress }
  | { is: 'superseded'; token: ModelToken; driver: DriverType; owner: Owner; before?: PciAddress }
  | { is: 'quarantined'; reason: string; token?: ModelToken; driver?: DriverType }
  | { is: 'withheld'; reason: string };

/** A function of the model. */
export interface ModelFunction {
  address: PciAddress;
  pf: PciAddress;
  names: readonly string[];
  vfIndex: number;
  group: number | undefined;
  vfio: boolean;
  use: Use;
}

/** What the model throws: the kind is all that it predicts of an error. */
export class Refusal extends Error {
  readonly kind: ErrorKind;
  constructor(kind: ErrorKind) {
    super(kind);
    this.kind = kind;
  }
}

/** What kubelet thinks of a token. */
export function podOf({ state }: ModelToken): Pod {
  switch (state.is) {
    case 'free':
    case 'allocated':
      return state.is;
    case 'closed':
      return state.was;
    case 'in-use':
    case 'quarantined':
      return state.afterwards;
  }
}

/** The token goes to where kubelet wants it. */
export function reopen(token: ModelToken): void {
  token.state = { is: podOf(token) };
}

/** What somebody does with a function that is claimed. */
export function claimed({ use }: ModelFunction): Extract<Use, { is: 'claimed' }> {
  if (use.is !== 'claimed') throw new Error('the model expects a claimed function');
  return use;
}

/** The tokens of a node, by name and then by PF. */
export function modelTokens(
  { physicalFunctions }: Catalogue,
  newTokenId: () => TokenId,
  options: PoolOptions,
): ModelToken[] {
  const names = [...new Set(physicalFunctions.flatMap((pf) => pf.names))];
  return names.flatMap((name) =>
    physicalFunctions
      .filter((pf) => pf.names.includes(name))
      .flatMap(({ address, virtualFunctions }) =>
        virtualFunctions.map((): ModelToken => {
          const home = options.tokensKeepToPhysicalFunction === true ? { home: address } : {};
          return { id: newTokenId(), name, ...home, state: { is: 'free' } };
        }),
      ),
  );
}

/** The functions of a node, all free. */
export function modelFunctions({ physicalFunctions }: Catalogue): ModelFunction[] {
  const all = physicalFunctions.flatMap((pf) => pf.virtualFunctions);
  return physicalFunctions.flatMap(({ address: pf, names, virtualFunctions }) =>
    virtualFunctions.map(({ address, iommuGroup: group }, vfIndex): ModelFunction => {
      const members = all.filter((vf) => group !== undefined && vf.iommuGroup === group);
      const vfio = group !== undefined && !members.some((vf) => vf.groupHasPhysicalFunction);
      return { address, pf, names, vfIndex, group, vfio, use: { is: 'free' } };
    }),
  );
}

/** The driver of each member of a group that has one. */
export function driversOf(functions: readonly ModelFunction[], group: number | undefined): DriverType[] {
  const members = functions.filter((vf) => group !== undefined && vf.group === group);
  return members.flatMap(({ use }) => ('driver' in use ? [use.driver] : []));
}
