import type { PciAddress } from '../../src/ports/pci-address.js';
import type { Owner } from '../../src/resourcepool/claim.js';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';

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
  state: TokenState;
}

/** What is happening to a function of the model. */
export type Use =
  | { is: 'free' }
  | { is: 'claimed'; token: ModelToken; driver: DriverType; owners: Owner[]; before?: PciAddress }
  | { is: 'superseded'; token: ModelToken; driver: DriverType; owner: Owner; before?: PciAddress }
  | { is: 'quarantined'; reason: string; token?: ModelToken; driver?: DriverType };

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
