import { ForwarderError } from '../../src/ports/error.js';
import type { Link, Mac } from '../../src/ports/links.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { FunctionNetdev } from '../../src/ports/pci-bus.js';
import type { SimNamespace } from './network-namespace.js';

/** Where a netdev comes from; that never changes. */
export interface NetdevOrigin {
  /** The PCI function behind it; without one it is a virtual link, which dies with its namespace. */
  readonly function?: PciAddress;
  /** Whether netlink shows that function: it does for hardware, not for a simulated VF. */
  readonly showsParent?: boolean;
  readonly port?: Pick<FunctionNetdev, 'physPortName' | 'devPort'>;
  readonly maxMtu: number;
  /** Kernels before 6.2. */
  readonly renameNeedsDown?: boolean;
  /** The driver's say about a new MAC. @throws ForwarderError `denied` */
  readonly checkMac?: (mac: Mac) => void;
}

/** A netdev of the simulated kernel. Only the functions of netdev-changes.ts and the namespaces write to it. */
export interface Netdev {
  readonly origin: NetdevOrigin;
  namespace: SimNamespace;
  index: number;
  name: string;
  altNames: string[];
  mac: Mac;
  mtu: number;
  up: boolean;
  /** Nothing is at the other end of its wire. */
  unplugged?: true;
  /** Its settings below `/proc/sys/net/{ipv4,ipv6}/conf/<name>/`, by `ipv4/<setting>`. */
  settings: Map<string, string>;
}

/** Below this MTU (RFC 8200 section 5) the kernel takes IPv6 away from a netdev, with all its addresses. */
const leastMtuOfIpv6 = 1280;

/** True when the netdev has IPv6 at all. */
export function hasIpv6(netdev: Netdev): boolean {
  return netdev.mtu >= leastMtuOfIpv6;
}

/** The netdev as the port shows it. */
export function linkOf(netdev: Netdev): Link {
  const { index, name, mac, mtu, up, origin } = netdev;
  const parent = origin.showsParent ? origin.function : undefined;
  const carrier = up && netdev.unplugged !== true;
  const rest = { ...(carrier && { carrier }), ...(parent !== undefined && { parent }) };
  return { index, name, altNames: [...netdev.altNames], mac, mtu, up, ...rest };
}

/** @throws ForwarderError `not-found`, naming what was attempted */
export function requireNetdev(namespace: SimNamespace, index: number, attempt: string): Netdev {
  const netdev = namespace.netdevs.get(index);
  if (netdev !== undefined) return netdev;
  throw new ForwarderError('not-found', `cannot ${attempt}: ${namespace.path} has no link ${index}`);
}
