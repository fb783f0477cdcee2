import type { PciAddress } from '../ports/pci-address.js';
import type { DriverType } from './driver-type.js';
import type { TokenId } from './token-id.js';

/** Who holds a function: the id of a connection. */
export type Owner = string & { readonly __owner: never };

/** A wish for a function. */
export interface ClaimRequest {
  readonly token: TokenId;
  readonly owner: Owner;
  readonly driver: DriverType;
}

/** A wish for the very function that the owner has in its hands already, or had when the process before ended. */
export interface AdoptRequest extends ClaimRequest {
  readonly function: PciAddress;
}

/** A function granted to an owner, until it releases it. */
export interface Claim {
  readonly function: PciAddress;
  readonly physicalFunction: PciAddress;
  /** The index under which the PF knows the VF, from 0. */
  readonly vfIndex: number;
  /** Absent on a node without IOMMU. */
  readonly iommuGroup?: number;
  readonly token: TokenId;
  readonly driver: DriverType;
  /**
   * The function that the same owner had under this token with the other driver, and that could not change its driver
   * where it is. The owner still holds it: it brings it home and releases it like any other.
   */
  readonly supersedes?: PciAddress;
}
