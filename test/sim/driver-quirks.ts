import type { VfSettings } from '../../src/ports/links.js';

/** In what drivers of PFs and their VFs differ. */
export interface DriverQuirks {
  /** When a MAC that the PF sets reaches a bound VF's netdev: at once, or when its driver is bound anew. */
  readonly adminMac: 'at-once' | 'after-rebind';
  /** A VF that is not trusted may have no other MAC than the one its PF set. */
  readonly guardsMac: boolean;
  /** The PF shows the MAC that the VF has where none was set for it. */
  readonly showsVfMac: boolean;
  /** Settings that the PF driver does not know; `vlanProtocol` stands for any but 802.1q. */
  readonly unsupported: readonly (keyof VfSettings)[];
  /** Whether it can guarantee a VF a rate. */
  readonly minTxRates: boolean;
  /** The VF driver registers its netdev some time after it was bound. */
  readonly lateNetdev: boolean;
  readonly maxMtu: number;
  /** Each VF can be reset by itself (FLR), as the SR-IOV specification asks of it. */
  readonly resettable: boolean;
}

/** Does what it is told, at once. */
export const plainDriver: DriverQuirks = {
  adminMac: 'at-once',
  guardsMac: false,
  showsVfMac: false,
  unsupported: [],
  minTxRates: true,
  lateNetdev: false,
  maxMtu: 9216,
  resettable: true,
};

/** Intel 82576 as measured in an emulated machine (igb, igbvf of Linux 6.12). */
export const igb: DriverQuirks = {
  adminMac: 'after-rebind',
  guardsMac: true,
  showsVfMac: true,
  unsupported: ['linkState', 'vlanProtocol'],
  minTxRates: false,
  lateNetdev: false,
  maxMtu: 9216,
  resettable: true,
};

/** Registers netdevs from a work item, and refuses the VF's own MAC changes, as Intel's adaptive VF driver does. */
export const iavf: DriverQuirks = { ...plainDriver, guardsMac: true, lateNetdev: true };
