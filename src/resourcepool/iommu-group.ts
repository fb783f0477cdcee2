import type { DriverType } from './driver-type.js';

/**
 * Functions that the IOMMU cannot tell apart, and that therefore have one driver type at a time: undecided until the
 * first of them is taken, then pinned until the last one is given back.
 *
 * A function without a group is alone in this respect and has no such object, unless it may serve VFIO all the same.
 */
export interface IommuGroup {
  /** Undefined of a function alone that may serve VFIO without an IOMMU. */
  readonly number: number | undefined;
  readonly hasPhysicalFunction: boolean;
  state: IommuGroupState;
}

export type IommuGroupState =
  | { readonly kind: 'undecided' }
  | { readonly kind: 'pinned'; readonly driver: DriverType; readonly members: number };

/**
 * Where free functions wait, by what their group still allows. `kernel-only` is undecided too, but never for vfio-pci:
 * a group with the PF in it would take the PF away, and without a group there is nothing for vfio to open.
 */
export type Shelf = DriverType | 'undecided' | 'kernel-only';

/** The shelf of the free functions of a group, or of functions that have none. */
export function shelfOf(group: IommuGroup | undefined): Shelf {
  if (group?.state.kind === 'pinned') return group.state.driver;
  return group === undefined || group.hasPhysicalFunction ? 'kernel-only' : 'undecided';
}

/** True when a function may have this driver once no other function pins its group. */
export function canServe(group: IommuGroup | undefined, driver: DriverType): boolean {
  return driver === 'kernel' || (group !== undefined && !group.hasPhysicalFunction);
}

/** True when a function may have this driver at once, beside the others of its group. */
export function canJoin(group: IommuGroup | undefined, driver: DriverType): boolean {
  return canServe(group, driver) && (group?.state.kind !== 'pinned' || group.state.driver === driver);
}

/** One more function of the group has this driver. */
export function pin(group: IommuGroup, driver: DriverType): void {
  const { state } = group;
  if (!canJoin(group, driver)) {
    throw new Error(`bug: IOMMU group ${group.number ?? 'none'} cannot be pinned to ${driver}`);
  }
  group.state = { kind: 'pinned', driver, members: state.kind === 'pinned' ? state.members + 1 : 1 };
}

/** One function of the group fewer has the driver. */
export function unpin(group: IommuGroup): void {
  const { state } = group;
  if (state.kind === 'undecided') throw new Error(`bug: IOMMU group ${group.number ?? 'none'} is not pinned`);
  group.state = state.members === 1 ? { kind: 'undecided' } : { ...state, members: state.members - 1 };
}
