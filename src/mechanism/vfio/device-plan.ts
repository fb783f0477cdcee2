import type { DeviceNumber } from '../../ports/device-access.js';
import type { Mac } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { ClientPlace } from './pod-access.js';

/** A VF's device as it shall be before anybody opens it. */
export interface DeviceSetUp {
  readonly function: PciAddress;
  readonly physicalFunction: PciAddress;
  /** The VF's number on its PF, as netlink counts. */
  readonly vfIndex: number;
  /** Absent: the VF keeps the one that it has now. */
  readonly mac?: Mac;
  /** Set on the PF, invisible to the client; absent: none. */
  readonly vlan?: number;
}

/** A VF's device as the client shall have it. */
export interface DevicePlan extends DeviceSetUp {
  readonly client: ClientPlace;
}

/** What the client needs to know to open its device. */
export interface DeliveredDevice {
  readonly iommuGroup: number;
  /** Of `/dev/vfio/vfio`. */
  readonly container: DeviceNumber;
  /** Of the group's node. */
  readonly device: DeviceNumber;
}
