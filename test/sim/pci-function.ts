import type { Mac, VfSettings } from '../../src/ports/links.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import type { DriverQuirks } from './driver-quirks.js';
import type { Netdev } from './netdev.js';

/**
 * How IOMMU groups are dealt out: each function alone, all VFs of a PF together, the VFs with their PF (a root port
 * without ACS), or no IOMMU.
 */
export type IommuLayout = 'isolated' | 'vfs-together' | 'with-pf' | 'none';

/** A PF as it is plugged in. */
export interface PfOptions {
  readonly address: string;
  /** VFs that are there from the beginning; 0 unless given. */
  readonly vfs?: number;
  /** VFs that are possible; `vfs` or 8 unless given, 0 for a card without SR-IOV. */
  readonly totalVfs?: number;
  /** Of the PF's netdev; the kernel's choice (`eth<n>`) unless given. */
  readonly name?: string;
  readonly driver?: string;
  readonly vfDriver?: string;
  readonly iommu?: IommuLayout;
  readonly numaNode?: number;
  /** Whether new VFs are bound to their driver at once (`sriov_drivers_autoprobe`); true unless given. */
  readonly autoprobe?: boolean;
  readonly quirks?: DriverQuirks;
}

/** A physical function. Its driver never changes: it would take all VFs with it. */
export interface SimPf {
  readonly kind: 'pf';
  readonly address: PciAddress;
  readonly options: PfOptions;
  readonly quirks: DriverQuirks;
  readonly driver: string;
  readonly vfDriver: string;
  readonly totalVfs: number;
  readonly iommuGroup?: number;
  readonly vfs: SimVf[];
  /** Uplink first, then representors. */
  readonly netdevs: Netdev[];
}

/** A virtual function. */
export interface SimVf {
  readonly kind: 'vf';
  readonly address: PciAddress;
  readonly pf: SimPf;
  /** Without an IOMMU a VF has one only while a VFIO driver has it, and only where that is allowed. */
  iommuGroup?: number | undefined;
  driver?: string | undefined;
  netdev?: Netdev | undefined;
  /** As the PF keeps them: they outlive every driver of the VF. */
  settings: VfSettings;
  /** What its users told the device past the kernel's books (promiscuous, a program in the card); a reset ends it. */
  readonly residue: Set<string>;
  /** Set while a process has the device open: the kernel does not unbind before that ends. */
  inUse?: Promise<void> | undefined;
}

/** None: the VF chooses. */
export const noMac = '00:00:00:00:00:00' as Mac;

/** What a new VF has (measured on igb). */
export const initialVfSettings: VfSettings = {
  mac: noMac,
  vlan: 0,
  qos: 0,
  vlanProtocol: '802.1q',
  spoofCheck: true,
  trust: false,
  linkState: 'auto',
  minTxRate: 0,
  maxTxRate: 0,
};

const vfOffset = 128;
const vfStride = 2;

/** Where a VF sits: routing id of its PF + 128 + 2 n, as on an 82576; so addresses are not consecutive. */
export function vfAddress(pf: PciAddress, n: number): PciAddress {
  const [domain = '', bus = '', device = '', fn = ''] = pf.split(/[:.]/);
  const pfId = (Number.parseInt(bus, 16) << 8) | (Number.parseInt(device, 16) << 3) | Number(fn);
  const id = pfId + vfOffset + vfStride * n;
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return parsePciAddress(`${domain}:${hex(id >> 8)}:${hex((id >> 3) & 0x1f)}.${id & 7}`);
}
