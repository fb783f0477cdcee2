import type { CgroupVersion } from './cgroups/mounted-hierarchy.js';
import type { SimulatedPf } from './pci-tree/options.js';

/** A PF of the node with what `pci.config` says of it. */
export interface NodePf extends SimulatedPf {
  readonly capabilities?: readonly string[];
  readonly serviceDomains?: readonly string[];
}

export interface NodeOptions {
  /** One PF at 01:00.0 with 4 VFs, `simulated.node/10G`, unless told. */
  readonly physicalFunctions?: readonly NodePf[];
  /** Settings of the daemon in the place of the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  readonly program?: 'compiled' | 'source';
  /** The daemon's environment names another kubelet than the node's own, which nobody then waits for. */
  readonly otherKubelet?: true;
  /** Pods' containers are cgroups of this machine, of this version, and `/dev/vfio` has device nodes: as VFIO needs it. */
  readonly cgroups?: CgroupVersion;
  /** Drivers without functions of their own; `vfio-pci` unless told. */
  readonly drivers?: readonly string[];
}

/** Of the node's identities, and its VFs' service domain unless told. */
export const trustDomain = 'simulated.node';

const usualPf: NodePf = { address: '0000:01:00.0', totalVfs: 8, vfs: 4 };

/** The PFs of a node with these options. */
export function physicalFunctions({ physicalFunctions: given = [usualPf] }: NodeOptions): readonly NodePf[] {
  return given;
}

/** The names under which a PF offers its VFs. */
export function namesOf({ serviceDomains = [trustDomain], capabilities = ['10G'] }: NodePf): string[] {
  return serviceDomains.flatMap((domain) => capabilities.map((capability) => `${domain}/${capability}`));
}

/** The text of `pci.config`. */
export function pciConfig(pfs: readonly NodePf[]): string {
  const entries = pfs.map((pf) => {
    const { address, driver = 'igb', vfDriver = 'igbvf', capabilities = ['10G'], serviceDomains = [trustDomain] } = pf;
    const text = { pfKernelDriver: driver, vfKernelDriver: vfDriver, capabilities, serviceDomains };
    return [address, text] as const;
  });
  // JSON is YAML.
  return JSON.stringify({ physicalFunctions: Object.fromEntries(entries) }, undefined, 2);
}
