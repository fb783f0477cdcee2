import type { PciAddress } from './pci-address.js';

/** A network namespace's identity as everybody names it: `<st_dev>/<st_ino>` in decimal. */
export type NamespaceId = string & { readonly __namespaceId: never };

/** A hardware address in its normal form: six lower-case hex pairs with colons. */
export type Mac = string & { readonly __mac: never };

/** A netdev at this moment. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly altNames: readonly string[];
  readonly mac: Mac | '';
  readonly mtu: number;
  readonly up: boolean;
  /** True while it is up and what it is connected to is there (IFF_LOWER_UP). */
  readonly carrier?: true;
  /** The PCI function behind it (IFLA_PARENT_DEV_NAME on bus `pci`); a simulated VF has none. */
  readonly parent?: PciAddress;
}

/** How to name a netdev: by name (alternative names count), by index, or by the PCI function behind it. */
export type LinkSelector = { readonly name: string } | { readonly index: number } | { readonly parent: PciAddress };

/** What to change about a netdev, in one kernel message; what is absent stays. */
export interface LinkChange {
  readonly name?: string;
  readonly mac?: Mac;
  readonly mtu?: number;
  readonly up?: boolean;
}

/** A VF's settings as its PF keeps them. `mac` 00:00:00:00:00:00 means none is set. */
export interface VfSettings {
  readonly mac: Mac;
  readonly vlan: number;
  readonly qos: number;
  readonly vlanProtocol: '802.1q' | '802.1ad';
  readonly spoofCheck: boolean;
  readonly trust: boolean;
  readonly linkState: 'auto' | 'enable' | 'disable';
  /** Mbit/s, 0 = no limit. */
  readonly minTxRate: number;
  readonly maxTxRate: number;
}

/** The netdevs of one namespace. Each call may wait for the kernel's RTNL lock; none blocks the event loop. */
export interface Links {
  find(by: LinkSelector, signal: AbortSignal): Promise<Link | undefined>;
  /** @throws ForwarderError `not-found` (no such index), `exists` (the name is taken), `busy`, `denied`, `invalid` */
  change(index: number, change: LinkChange, signal: AbortSignal): Promise<void>;
  /**
   * Moves the netdev to another namespace under a name nobody else uses there. The kernel takes it down and drops its
   * addresses, routes and neighbours; MAC, MTU and altnames stay, the index stays if it is free.
   */
  move(index: number, to: NetNamespace, name: string, signal: AbortSignal): Promise<void>;
  /** @throws ForwarderError `exists` when a netdev of this namespace has it, as its name or besides, this one included */
  addAltName(index: number, altName: string, signal: AbortSignal): Promise<void>;
  /** @throws ForwarderError `not-found` when it has no such name */
  removeAltName(index: number, altName: string, signal: AbortSignal): Promise<void>;
  /** The settings of the PF's VF. @throws ForwarderError `not-found` (no such VF), `unsupported` (not a PF) */
  readVf(pfIndex: number, vf: number, signal: AbortSignal): Promise<VfSettings>;
  /** Applies what is present, nothing else: drivers refuse attributes that they do not know. */
  changeVf(pfIndex: number, vf: number, change: Partial<VfSettings>, signal: AbortSignal): Promise<void>;
}

/** An address of a netdev: `cidr` is the address itself with its prefix length, never masked. */
export interface IpAddress {
  readonly kind: 'address';
  readonly index: number;
  readonly cidr: string;
}

/** A route of ours. No gateway: link scope. With one: reached on-link, even if no prefix covers it. */
export interface IpRoute {
  readonly kind: 'route';
  readonly index: number;
  /** The masked destination with its prefix length; `0.0.0.0/0` and `::/0` are the default routes. */
  readonly destination: string;
  readonly gateway?: string;
  /** 254 is the main table. */
  readonly table: number;
}

/** A permanent neighbour. */
export interface IpNeighbour {
  readonly kind: 'neighbour';
  readonly index: number;
  readonly ip: string;
  readonly mac: Mac;
}

/** A policy rule that sends what it selects to a table. */
export interface IpRule {
  readonly kind: 'rule';
  readonly family: 4 | 6;
  readonly priority: number;
  readonly table: number;
  readonly from?: string;
  /** IP protocol number. */
  readonly protocol?: number;
  readonly sourcePort?: PortRange;
  readonly destinationPort?: PortRange;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export type IpObject = IpAddress | IpRoute | IpNeighbour | IpRule;

/** IP configuration of one namespace. */
export interface Addressing {
  /**
   * What is there of one kind on a netdev (`index`), or in the whole namespace without one: addresses of universe
   * scope; routes, rules and neighbours that we made (protocol tag, permanent).
   */
  list<K extends IpObject['kind']>(
    kind: K,
    index: number | undefined,
    signal: AbortSignal,
  ): Promise<readonly Extract<IpObject, { kind: K }>[]>;
  /** Adds each, in order; the same object twice is no error. Stops at the first failure. */
  add(objects: readonly IpObject[], signal: AbortSignal): Promise<void>;
  /** Removes each; one that is not there is no error. */
  remove(objects: readonly IpObject[], signal: AbortSignal): Promise<void>;
  /** Ids of the routing tables that any route or rule of the namespace uses. */
  usedTables(signal: AbortSignal): Promise<ReadonlySet<number>>;
  /** Reads `/proc/sys/net/<path>` of this namespace; undefined when the kernel has no such setting. */
  readSetting(path: string): string | undefined;
  writeSetting(path: string, value: string): void;
}

/** An open network namespace. While it is open the kernel keeps the namespace, and so every VF in it. */
export interface NetNamespace extends Disposable {
  readonly id: NamespaceId;
  readonly links: Links;
  readonly addressing: Addressing;
}

/** Access to network namespaces. */
export interface Namespaces {
  /** The namespace this process runs in, where VFs are at home. Disposing it is a mistake. */
  readonly home: NetNamespace;
  /**
   * Opens the namespace behind a path; a descriptor is `/proc/self/fd/N`. What it returns lives on its own.
   *
   * @throws ForwarderError `invalid` when it is not a network namespace or is the home namespace, `not-found`
   */
  open(path: string): NetNamespace;
  /**
   * Opens the namespace with this id if a process or a mount that can be seen from here leads to it. Ids are used again
   * after a namespace has ended: look at what is inside.
   */
  locate(id: NamespaceId, signal: AbortSignal): Promise<NetNamespace | undefined>;
}
