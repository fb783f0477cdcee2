import type { PciAddress } from './pci-address.js';

/** A netdev as the PCI tree shows it. */
export interface FunctionNetdev {
  readonly name: string;
  /** `p0` for the uplink, `pf0vf3` for a representor; absent where the driver has none. */
  readonly physPortName?: string;
  /** The port on a device with several; 0 for nearly all. */
  readonly devPort?: number;
  /** True when its MAC was made up by its driver or set on the netdev: nobody gave it one (addr_assign_type not 0). */
  readonly ownMac?: true;
}

/** What the PCI tree says about one function at this moment. */
export interface FunctionFacts {
  readonly address: PciAddress;
  /** The bound driver; absent when unbound. */
  readonly driver?: string;
  /** Absent when no IOMMU is active: the function serves the kernel mechanism all the same. */
  readonly iommuGroup?: number;
  /** The PF of a VF; absent for a PF. */
  readonly physicalFunction?: PciAddress;
  /**
   * Netdevs visible in the home namespace. Empty has three meanings: not probed yet, in another namespace, or the
   * driver makes none.
   */
  readonly netdevs: readonly FunctionNetdev[];
}

/** The PCI tree, for reading and for the driver binding of single functions. It cannot change the number of VFs. */
export interface PciBus {
  /**
   * Facts of one function.
   *
   * @throws ForwarderError `not-found` when there is no such function
   */
  facts(address: PciAddress): Promise<FunctionFacts>;
  /** The NUMA node that the function is nearest to; undefined when it is not known (-1 in sysfs). */
  numaNode(address: PciAddress): Promise<number | undefined>;
  /** True when the function is a VF that can be reset by itself (`reset` in sysfs; mostly that is FLR). */
  isResettable(address: PciAddress): Promise<boolean>;
  /** VFs of a PF; the position in the list is the VF index that netlink uses. */
  virtualFunctions(physicalFunction: PciAddress): Promise<readonly PciAddress[]>;
  /**
   * Binds exactly this function to the driver over `driver_override`, unbinding what holds it. Done when the driver
   * link says so; a function that is bound already is left alone.
   *
   * @throws ForwarderError `not-found` (no such driver: the message names the module), `busy`, `timed-out`
   */
  bind(address: PciAddress, driver: string, signal: AbortSignal): Promise<void>;
  /** Unbinds the function from whatever holds it; nothing to do when nothing does. */
  unbind(address: PciAddress, signal: AbortSignal): Promise<void>;
  /**
   * Resets the function, which must be unbound: it forgets all that its last user told it.
   *
   * @throws ForwarderError `unsupported` when it has no reset of its own, `busy` while a driver has it
   */
  reset(address: PciAddress, signal: AbortSignal): Promise<void>;
  /** All functions of the function's IOMMU group, itself, PFs and bridges included; empty when it is in none. */
  groupMembers(address: PciAddress): Promise<readonly PciAddress[]>;
  /** True when the driver is registered on this bus. */
  hasDriver(driver: string): Promise<boolean>;
}

/** The number of VFs of a PF: apart from {@link PciBus}, so that the forwarder proper cannot even name it. */
export interface Provisioning {
  /**
   * The PF's present and possible number of VFs.
   *
   * @throws ForwarderError `not-found` when there is no such function, `unsupported` when it has no SR-IOV
   */
  vfCount(physicalFunction: PciAddress): Promise<{ readonly current: number; readonly total: number }>;
  /** Creates VFs on a PF that has none. @throws ForwarderError `refused` when it has some, `invalid` above its total */
  createVfs(physicalFunction: PciAddress, count: number, signal: AbortSignal): Promise<void>;
}
