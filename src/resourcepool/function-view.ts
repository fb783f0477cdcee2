import type { PciAddress } from '../ports/pci-address.js';
import type { Owner } from './claim.js';
import type { DriverType } from './driver-type.js';
import type { FunctionState } from './function-state.js';
import type { VirtualFunction } from './inventory.js';
import type { TokenId } from './token-id.js';

/** What is happening to a function, as others may see it. */
export type FunctionUse =
  | { readonly kind: 'free' }
  | {
      readonly kind: 'claimed';
      readonly token: TokenId;
      readonly driver: DriverType;
      readonly owners: readonly Owner[];
    }
  | {
      readonly kind: 'superseded';
      readonly token: TokenId;
      readonly driver: DriverType;
      readonly owners: readonly Owner[];
    }
  | { readonly kind: 'quarantined'; readonly reason: string; readonly token?: TokenId; readonly driver?: DriverType }
  | { readonly kind: 'withheld'; readonly reason: string };

/** A function as others may see it: a copy of this moment. */
export interface FunctionView {
  readonly address: PciAddress;
  readonly physicalFunction: PciAddress;
  readonly vfIndex: number;
  readonly iommuGroup?: number;
  readonly use: FunctionUse;
}

/** The view of a function at this moment. */
export function viewFunction({ address, physicalFunction, vfIndex, lot, state }: VirtualFunction): FunctionView {
  return {
    address,
    physicalFunction: physicalFunction.address,
    vfIndex,
    ...(lot.group?.number !== undefined && { iommuGroup: lot.group.number }),
    use: viewUse(state),
  };
}

function viewUse(state: FunctionState): FunctionUse {
  switch (state.kind) {
    case 'free':
      return { kind: 'free' };
    case 'claimed':
      return { kind: 'claimed', token: state.token.id, driver: state.driver, owners: [...state.owners] };
    case 'superseded':
      return { kind: 'superseded', token: state.token.id, driver: state.driver, owners: [state.owner] };
    case 'withheld':
      return { kind: 'withheld', reason: state.reason };
    case 'quarantined':
      return {
        kind: 'quarantined',
        reason: state.reason,
        ...(state.token && { token: state.token.id }),
        ...(state.driver && { driver: state.driver }),
      };
  }
}
