import type { IpObject, LinkChange } from '../../src/ports/links.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { canonicalIpObject } from './canonical-ip-object.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import type { Netdev } from './netdev.js';
import { changeNetdev } from './netdev-changes.js';
import type { NetdevMaker } from './netdev-maker.js';
import type { PfOptions } from './pci-function.js';
import type { PciTree } from './pci-tree.js';

/**
 * What everybody else does on the node: administrators, udev, the CNI plugin, the client in its pod. No fault and no
 * turn applies; each happens at once. Namespaces go by path, `home` included.
 */
export class Others {
  readonly #registry: NamespaceRegistry;
  readonly #tree: PciTree;
  readonly #maker: NetdevMaker;

  constructor(registry: NamespaceRegistry, tree: PciTree, maker: NetdevMaker) {
    this.#registry = registry;
    this.#tree = tree;
    this.#maker = maker;
  }

  /** Adds a virtual link, down. */
  addLink(path: string, name: string): void {
    this.#maker.virtual(this.#registry.at(path), name);
  }

  /** Adds one more netdev to a PF: an uplink (`p0`), a representor (`pf0vf3`). */
  addPort(pf: string, port: { name: string; physPortName?: string; devPort?: number }): void {
    const found = this.#tree.function(parsePciAddress(pf));
    if (found.kind === 'pf') this.#maker.port(found, port);
  }

  /** An administrator writes 0 to `sriov_numvfs` of a PF. */
  removeVfs(pf: string): void {
    const found = this.#tree.function(parsePciAddress(pf));
    if (found.kind === 'pf') this.#tree.removeVfs(found);
  }

  /** The card is pulled. */
  unplug(pf: string): void {
    const found = this.#tree.function(parsePciAddress(pf));
    if (found.kind === 'pf') this.#tree.unplug(found);
  }

  /** A card is put in. */
  plug(pf: PfOptions): void {
    this.#tree.plug(pf);
  }

  /** Changes a link: udev renames it, the client takes it down. */
  changeLink(path: string, name: string, change: LinkChange): void {
    changeNetdev(this.#link(path, name), change);
  }

  addAltName(path: string, name: string, altName: string): void {
    this.#link(path, name).altNames.push(altName);
  }

  removeLink(path: string, name: string): void {
    this.#registry.at(path).release(this.#link(path, name));
  }

  /** Adds IP configuration that is not ours to list or to remove; `index` is that of the named link. */
  addIp(path: string, name: string, object: IpObject): void {
    const { index, namespace } = this.#link(path, name);
    const canonical = canonicalIpObject(object);
    namespace.ip.add('index' in canonical ? { ...canonical, index } : canonical, false);
  }

  writeSetting(path: string, setting: string, value: string): void {
    this.#registry.at(path).settings.write(setting, value);
  }

  /** A process opens the VF's device (vfio) until disposed; meanwhile the kernel does not unbind it. */
  useDevice(address: string): Disposable {
    const vf = this.#tree.vf(parsePciAddress(address));
    let release = () => {};
    vf.inUse = new Promise((resolve) => {
      release = resolve;
    });
    return {
      [Symbol.dispose]: () => {
        vf.inUse = undefined;
        release();
      },
    };
  }

  /** A process opens the group's node until disposed. */
  openGroup(iommuGroup: number): Disposable {
    return this.#tree.vfio.open(iommuGroup);
  }

  /** A user of the VF tells its device something that no netlink message shows, and that outlives its netdev. */
  leave(address: string, what: string): void {
    this.#tree.vf(parsePciAddress(address)).residue.add(what);
  }

  #link(path: string, name: string): Netdev {
    const netdev = this.#registry.at(path).named(name);
    if (netdev === undefined) throw new Error(`${path} has no link ${name}`);
    return netdev;
  }
}
