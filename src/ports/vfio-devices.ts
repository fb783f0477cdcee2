import type { DeviceNumber } from './device-access.js';

/** The device node of an IOMMU group, as it is while one of its functions is bound to a VFIO driver. */
export interface VfioGroup {
  readonly iommuGroup: number;
  readonly device: DeviceNumber;
  /** True when no IOMMU stands behind the group: whoever opens it can reach all of the machine's memory. */
  readonly noIommu: boolean;
}

/** The nodes through which processes reach functions bound to vfio-pci (kernel: Documentation/driver-api/vfio.rst). */
export interface VfioDevices {
  /** The node that every user opens first. @throws ForwarderError `not-found`, saying which module to load */
  container(): Promise<DeviceNumber>;
  /** The group's node; undefined while there is none. Its number is another one each time it appears. */
  group(iommuGroup: number): Promise<VfioGroup | undefined>;
  /**
   * Whether a process has the group open, found out by opening it: meanwhile nobody else can. A group whose node is
   * gone, or that cannot be opened for any other reason, is nobody's.
   */
  isOpen(iommuGroup: number): Promise<boolean>;
}
