import type { DeviceAccess, Modes } from '../../ports/device-access.js';
import type { Link } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { VfioDevices } from '../../ports/vfio-devices.js';
import type { World } from '../kernel/world.js';
import type { SharedChanges } from './shared-changes.js';

/** How a function was before anybody here bound it to vfio-pci. Plain data. */
export interface FormerBinding {
  /** Absent: it had none. */
  readonly driver?: string;
  /** What its driver had made; absent: nothing. */
  readonly netdev?: FormerNetdev;
}

/** A netdev as it was at home; `ownMac` as in {@link FunctionNetdev}. */
export type FormerNetdev = Pick<Link, 'name' | 'altNames' | 'mac' | 'mtu'> & { readonly ownMac: boolean };

/** The parts of the outside that the VFIO mechanism works on. */
export interface VfioWorld extends World {
  readonly access: DeviceAccess;
  readonly vfio: VfioDevices;
  /** Devices granted to cgroups, by {@link grantKey}, with what others allow of them. */
  readonly grants: SharedChanges<Modes>;
  /** Functions bound to vfio-pci, by address. */
  readonly bound: SharedChanges<FormerBinding>;
  /** Whether a function is one of ours to give: others may have their reasons for how they are bound. */
  readonly isOffered: (address: PciAddress) => boolean;
  /** What becomes of a VF that has served: `keep` leaves it on vfio-pci, for the next one, `return` gives it back. */
  readonly afterUse: 'keep' | 'return';
  /** Whether a VF without an IOMMU may be given to a process, which can reach all of the machine's memory by it. */
  readonly noIommuAllowed: boolean;
}

/** The driver by which a process drives a function. */
export const vfioDriver = 'vfio-pci';
