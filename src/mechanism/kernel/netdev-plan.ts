import type { Mac, NamespaceId, PortRange } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';

/** A destination with how to reach it: no gateway means it is on the link. All in normal form. */
export interface PlannedRoute {
  readonly destination: string;
  readonly gateway?: string;
}

/** Traffic that gets a routing table of its own. */
export interface PlannedPolicy {
  readonly family: 4 | 6;
  readonly from?: string;
  readonly protocol?: number;
  readonly sourcePort?: PortRange;
  readonly destinationPort?: PortRange;
  readonly routes: readonly PlannedRoute[];
}

/** What the netdev's IP configuration shall be; everything of ours that is not in it goes. */
export interface IpPlan {
  /** Addresses with their prefix lengths, host bits kept. */
  readonly addresses: readonly string[];
  readonly routes: readonly PlannedRoute[];
  readonly neighbours: readonly { readonly ip: string; readonly mac: Mac }[];
  readonly policies: readonly PlannedPolicy[];
}

/** A VF's netdev as the client shall have it. */
export interface NetdevPlan {
  readonly function: PciAddress;
  readonly physicalFunction: PciAddress;
  /** The VF's number on its PF, as netlink counts. */
  readonly vfIndex: number;
  /** The kernel driver that makes the netdev. */
  readonly driver: string;
  readonly namespace: NamespaceId;
  readonly interfaceName: string;
  /** Absent: the VF keeps its own. */
  readonly mac?: Mac;
  /** Set on the PF, invisible to the client; absent: none. */
  readonly vlan?: number;
  /** Absent: the VF keeps its own. */
  readonly mtu?: number;
  /** Absent: addressing is somebody else's business (VLAN trunks). */
  readonly ip?: IpPlan;
}
