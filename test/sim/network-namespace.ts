import type { Mac, NamespaceId } from '../../src/ports/links.js';
import { IpTable } from './ip-table.js';
import { NamespaceSettings } from './namespace-settings.js';
import { hasIpv6, type Netdev, type NetdevOrigin } from './netdev.js';

/** What a netdev brings into a namespace. */
export type NewNetdev = Pick<Netdev, 'name' | 'mac' | 'mtu' | 'up'>;

/** A network namespace of the simulated kernel: netdevs, IP configuration, settings. */
export class SimNamespace {
  readonly id: NamespaceId;
  /** How tests call it; `home` for the one of the process. */
  readonly path: string;
  readonly netdevs = new Map<number, Netdev>();
  readonly ip = new IpTable();
  readonly settings = new NamespaceSettings(this);
  #nextIndex = 1;

  constructor(id: NamespaceId, path: string) {
    this.id = id;
    this.path = path;
    const mac = '00:00:00:00:00:00' as Mac;
    this.create({ maxMtu: 65_536 }, { name: 'lo', mac, mtu: 65_536, up: path === 'home' });
  }

  /** The netdev with this name or alternative name. */
  named(name: string): Netdev | undefined {
    return [...this.netdevs.values()].find((netdev) => netdev.name === name || netdev.altNames.includes(name));
  }

  /** The first of `<prefix>0`, `<prefix>1` ... that is free, as the kernel counts. */
  freeName(prefix: string): string {
    let n = 0;
    while (this.named(`${prefix}${n}`) !== undefined) n += 1;
    return `${prefix}${n}`;
  }

  /** A new netdev, under the next index. */
  create(origin: NetdevOrigin, netdev: NewNetdev): Netdev {
    const settings = this.settings.ofNewNetdev();
    const created = { ...netdev, origin, altNames: [], settings, namespace: this, index: this.#freeIndex() };
    this.netdevs.set(created.index, created);
    return created;
  }

  /** Takes in a netdev that comes from elsewhere: down, with default settings, under its index if that is free. */
  receive(netdev: Netdev): void {
    netdev.namespace = this;
    netdev.up = false;
    netdev.settings = this.settings.ofNewNetdev();
    if (this.netdevs.has(netdev.index)) netdev.index = this.#freeIndex();
    this.netdevs.set(netdev.index, netdev);
  }

  /** Lets a netdev go, and with it its addresses, routes and neighbours; rules stay. */
  release(netdev: Netdev): void {
    this.ip.drop((object) => 'index' in object && object.index === netdev.index);
    this.netdevs.delete(netdev.index);
  }

  /** Whether IPv6 works on the netdev: it has it, and nobody switched it off. */
  usesIpv6(netdev: Netdev): boolean {
    return hasIpv6(netdev) && netdev.settings.get('ipv6/disable_ipv6') === '0';
  }

  /** Every namespace counts for itself, so the same index means different netdevs in two of them. */
  #freeIndex(): number {
    while (this.netdevs.has(this.#nextIndex)) this.#nextIndex += 1;
    return this.#nextIndex++;
  }
}
