import { SystemClock } from '../src/clock/system-clock.js';
import { KernelNamespaces } from '../src/link/kernel-namespaces.js';
import { type NamespaceFile, openNetworkNamespace } from '../src/native/network-namespace.js';
import { ForwarderError } from '../src/ports/error.js';
import type { Link, Mac, NetNamespace } from '../src/ports/links.js';
import { type PciAddress, parsePciAddress } from '../src/ports/pci-address.js';
import { Cleanup } from './cleanup.js';
import { hasUsers } from './namespace-users.js';
import { freshNamespace, pathOf } from './network/fresh-namespace.js';
import { type LinkEvent, LinkEvents } from './network/link-events.js';
import { deleteLink, layCable, listLinks } from './network/links.js';
import type { SimulatedFunction, SimulatedPf } from './pci-tree/options.js';
import { SimulatedPciTree } from './pci-tree/pci-tree.js';
import type { VfioNodes } from './vfio-nodes.js';

/** A function that a driver holds: its netdev at home, and the other end of its cable. */
export interface Port {
  readonly function: PciAddress;
  /** The netdev's name as the driver made it. */
  readonly name: string;
  readonly mac: Mac;
  /** The name of the cable's other end, in {@link SimulatedHardware.far}. */
  readonly wire: string;
}

/** What a machine's cards may differ in from the usual. */
export interface HardwareOptions {
  /** Where vfio-pci shows the groups that it has; nowhere unless told. */
  readonly vfio?: VfioNodes | undefined;
  /** As {@link PciTreeOptions.drivers}. */
  readonly drivers?: readonly string[] | undefined;
}

/** How long between two looks whether a namespace still has users: the kernel tells nobody. */
const lookMs = 50;

/**
 * The machine's network cards: a PCI tree whose functions have real links, each connected to a wire. The node's home
 * namespace and the far side of all wires are namespaces of their own, so that nothing shows on the machine.
 *
 * It behaves as hardware where links of this kind do not: a netdev does not end with a namespace but comes home, down
 * and under the name it had there. And it makes a netdev when a driver is bound and removes it when unbound.
 */
export class SimulatedHardware implements AsyncDisposable {
  readonly home: NamespaceFile;
  /** Where the wires end: the other machines. */
  readonly far: NamespaceFile;
  readonly kernel: KernelNamespaces;
  readonly #cleanup = new Cleanup();
  readonly #homeNet: NetNamespace;
  readonly #farNet: NetNamespace;
  readonly #ports = new Map<PciAddress, Port>();
  /** By function: one that is bound again finds its wire where it was. */
  readonly #wires = new Map<PciAddress, string>();
  readonly #shown = new Map<PciAddress, string | undefined>();
  readonly #held = new Map<bigint, NamespaceFile>();
  readonly #watching = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #clock = new SystemClock();
  readonly #events: LinkEvents;
  readonly #vfio: VfioNodes | undefined;
  #tree: SimulatedPciTree | undefined;
  #working: Promise<void> = Promise.resolve();

  private constructor(vfio: VfioNodes | undefined) {
    this.#vfio = vfio;
    this.kernel = this.#cleanup.use(new KernelNamespaces());
    this.home = this.#cleanup.use(freshNamespace());
    this.far = this.#cleanup.use(freshNamespace());
    this.#homeNet = this.#cleanup.use(this.kernel.open(pathOf(this.home)));
    this.#farNet = this.#cleanup.use(this.kernel.open(pathOf(this.far)));
    this.#events = this.#cleanup.use(new LinkEvents(this.home, (event) => this.#onLink(event)));
  }

  /** Plugs the PFs in, below a folder of its own in `parent`. */
  static async create(
    physicalFunctions: readonly SimulatedPf[],
    parent: string,
    { vfio, drivers }: HardwareOptions = {},
  ): Promise<SimulatedHardware> {
    const hardware = new SimulatedHardware(vfio);
    try {
      const hooks = {
        onBind: (fn: SimulatedFunction, driver: string) => hardware.#bound(fn, driver),
        onUnbind: (fn: SimulatedFunction) => hardware.#unbound(fn),
      };
      const given = drivers === undefined ? {} : { drivers };
      hardware.#tree = await SimulatedPciTree.create({ physicalFunctions, hooks, parent, ...given });
      return hardware;
    } catch (error) {
      await hardware[Symbol.asyncDispose]();
      throw error;
    }
  }

  get tree(): SimulatedPciTree {
    if (this.#tree === undefined) throw new Error('the PCI tree is not there yet');
    return this.#tree;
  }

  /** Functions whose driver made a netdev, PFs included. */
  get ports(): readonly Port[] {
    return [...this.#ports.values()];
  }

  /** @throws ForwarderError `not-found` */
  port(address: string): Port {
    const port = this.#ports.get(parsePciAddress(address));
    if (port === undefined) throw new ForwarderError('not-found', `${address} has no netdev`);
    return port;
  }

  /** The function's netdev if it is at home. */
  async atHome(address: string): Promise<Link | undefined> {
    const { mac } = this.port(address);
    return (await listLinks(this.home)).find((link) => link.mac === mac);
  }

  /** The netdevs of VFs that are at home now. */
  async homecomers(): Promise<number> {
    const macs = new Set<string>(this.ports.map((port) => port.mac));
    return (await listLinks(this.home)).filter((link) => macs.has(link.mac)).length;
  }

  /** Gives the far end of a function's wire an address, and the way back to those behind the function. */
  async connectFarEnd(
    address: string,
    { own, peers }: { readonly own: readonly string[]; readonly peers: readonly string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const wire = await this.#farNet.links.find({ name: this.port(address).wire }, signal);
    if (wire === undefined) throw new ForwarderError('not-found', `the wire of ${address} is gone`);
    const { index } = wire;
    await this.#farNet.addressing.add(
      [
        ...own.map((cidr) => ({ kind: 'address', index, cidr }) as const),
        ...peers.map((destination) => ({ kind: 'route', index, destination, table: 254 }) as const),
      ],
      signal,
    );
  }

  /** Resolves when the PCI tree shows all that has happened to the links so far. */
  async settled(): Promise<void> {
    this.#events.drain();
    await this.#working;
  }

  /** Holds a namespace that netdevs may enter: while hardware is in it, its end is not theirs. */
  hold(path: string): void {
    const file = openNetworkNamespace(path);
    const inode = inodeOf(file);
    if (this.#held.has(inode)) file[Symbol.dispose]();
    else this.#held.set(inode, file);
  }

  /** Somebody let go of a held namespace: when nobody else uses it, netdevs inside come home and it ends. */
  released(inode: bigint): void {
    const file = this.#held.get(inode);
    if (file === undefined) return;
    const watching = this.#untilUnused(file).catch(() => undefined);
    this.#watching.add(watching);
    void watching.then(() => this.#watching.delete(watching));
  }

  /** Resolves when every namespace that was let go of has ended. */
  async quiet(): Promise<void> {
    await Promise.all(this.#watching);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#watching);
    await this.settled();
    await this.#tree?.[Symbol.asyncDispose]();
    for (const file of this.#held.values()) file[Symbol.dispose]();
    this.#held.clear();
    await this.#cleanup[Symbol.asyncDispose]();
  }

  async #untilUnused(file: NamespaceFile): Promise<void> {
    const inode = inodeOf(file);
    const own = () => new Set([...this.#held.values()].map(({ fd }) => fd));
    while (await hasUsers(inode, own())) await this.#clock.sleep(lookMs, this.#ending.signal);
    if (!this.#held.delete(inode)) return;
    await this.#bringHome(file);
    file[Symbol.dispose]();
  }

  async #bringHome(file: NamespaceFile): Promise<void> {
    const macs = new Set<string>(this.ports.map((port) => port.mac));
    const stranded = (await listLinks(file)).filter((link) => macs.has(link.mac));
    if (stranded.length === 0) return;
    using namespace = this.kernel.open(pathOf(file));
    for (const link of stranded) await this.#comeHome(namespace, link);
  }

  async #comeHome(namespace: NetNamespace, link: Link): Promise<void> {
    const { signal } = this.#ending;
    await namespace.links.change(link.index, { up: false }, signal);
    // The kernel's own choice when the name is taken.
    const taken = new Set((await listLinks(this.home)).map(({ name }) => name));
    const names = [link.name, ...Array.from({ length: taken.size + 1 }, (_, i) => `dev${i}`)];
    const name = names.find((it) => !taken.has(it)) ?? link.name;
    await namespace.links.move(link.index, this.#homeNet, name, signal);
  }

  async #bound({ address, physicalFunction, vf }: SimulatedFunction, driver: string) {
    if (driver.includes('vfio')) {
      await this.#showVfio(address);
      return undefined;
    }
    const bus = (physicalFunction ?? address).slice(-7, -5);
    const base = `enp${Number.parseInt(bus, 16)}s0`;
    const port: Port = {
      function: address,
      name: vf === undefined ? base : `${base}v${vf}`,
      mac: `02:5f:00:00:${bus}:${vf === undefined ? 'ff' : vf.toString(16).padStart(2, '0')}` as Mac,
      wire: this.#wires.get(address) ?? `wire${this.#wires.size}`,
    };
    this.#wires.set(address, port.wire);
    const far = { namespace: this.far, name: port.wire, mac: port.mac.replace(/^02/, '06') as Mac };
    await layCable({ namespace: this.home, ...port }, far);
    this.#ports.set(address, port);
    this.#shown.set(address, port.name);
    await this.#bringUp(this.#farNet, port.wire);
    if (vf === undefined) await this.#bringUp(this.#homeNet, port.name);
    return [{ name: port.name }];
  }

  async #showVfio(address: PciAddress): Promise<void> {
    const node = await this.tree.groupNode(address);
    if (node !== undefined) await this.#vfio?.bound(address, node);
  }

  async #bringUp({ links }: NetNamespace, name: string): Promise<void> {
    const { signal } = this.#ending;
    const link = await links.find({ name }, signal);
    if (link !== undefined) await links.change(link.index, { up: true }, signal);
  }

  /** The netdev ends wherever it is: its wire goes, and takes it along. */
  async #unbound({ address }: SimulatedFunction): Promise<void> {
    await this.#vfio?.unbound(address);
    const port = this.#ports.get(address);
    if (port === undefined) return;
    this.#ports.delete(address);
    this.#shown.delete(address);
    const wire = (await listLinks(this.far)).find(({ name }) => name === port.wire);
    if (wire !== undefined) await deleteLink(this.far, wire.index);
  }

  #onLink({ kind, link }: LinkEvent): void {
    const port = this.ports.find(({ mac }) => mac === link.mac);
    if (port === undefined || this.#tree === undefined) return;
    const { tree } = this;
    const name = kind === 'present' ? link.name : undefined;
    if (this.#shown.get(port.function) === name) return;
    this.#shown.set(port.function, name);
    const netdevs = name === undefined ? [] : [{ name }];
    // A driver that came or went meanwhile has made or removed another netdev: this one is history.
    const show = async () => {
      if (this.#shown.get(port.function) === name) await tree.setNetdevs(port.function, netdevs);
    };
    this.#working = this.#working.then(show).catch(() => undefined);
  }
}

function inodeOf(file: NamespaceFile): bigint {
  return BigInt(file.id.split('/')[1] ?? '0');
}
