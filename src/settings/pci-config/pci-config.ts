import type { PciAddress } from '../../ports/pci-address.js';

/** One PF of the file. Everything is checked by form only: whether the hardware is there, the PCI adapter finds out. */
export interface PhysicalFunctionConfig {
  readonly address: PciAddress;
  readonly pfKernelDriver: string;
  readonly vfKernelDriver: string;
  readonly capabilities: readonly string[];
  readonly serviceDomains: readonly string[];
  /** `serviceDomain/capability`, each domain with each capability: token names and kubelet's resource names. */
  readonly tokenNames: readonly string[];
  /** How many VFs to create if there are none; undefined when the setting decides. */
  readonly numVfs: number | undefined;
  /** The VFs that may be given out, sorted; undefined when all may. Never added to what the PF has. */
  readonly virtualFunctions: readonly PciAddress[] | undefined;
  /** `file:line:column` of the PF, for later messages about it. */
  readonly where: string;
}

/** The whole file, deeply frozen. PFs are sorted by address and no two are the same. */
export interface PciConfig {
  readonly physicalFunctions: readonly PhysicalFunctionConfig[];
}
