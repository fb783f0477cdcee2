import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import type { FunctionNetdev } from '../../src/ports/pci-bus.js';
import { readCommandPipe } from './command-pipe.js';
import { watchCountFile } from './count-file.js';
import { EmulatedKernel } from './emulated-kernel.js';
import { Faults } from './faults.js';
import { KernelWrites } from './kernel-writes.js';
import type { PciTreeOptions } from './options.js';
import { TreeFolders } from './tree-folders.js';

/**
 * A simulated `/sys/bus/pci` in a temporary folder that reacts as the kernel's does: a program in this or any other
 * process writes to `bind`, `unbind`, `drivers_probe`, `driver_override` and `sriov_numvfs`, and links, folders and VFs
 * follow; `reset` takes what is written and keeps it. Needs no rights. What it cannot do is refuse: a write through the file system returns at once and without an
 * errno ({@link SimulatedPciTree.writer} has them).
 */
export class SimulatedPciTree implements AsyncDisposable {
  /** Where devices and drivers are, for an adapter's settings. */
  readonly roots: { readonly devices: string; readonly drivers: string };
  readonly faults: Faults;
  /** Writes past the file system, answered with the kernel's errno. */
  readonly writer: KernelWrites;
  readonly #folders: TreeFolders;
  readonly #kernel: EmulatedKernel;
  readonly #listeners: (Disposable | AsyncDisposable)[] = [];

  private constructor(folders: TreeFolders, kernel: EmulatedKernel, faults: Faults) {
    this.#folders = folders;
    this.#kernel = kernel;
    this.faults = faults;
    this.roots = { devices: folders.devices, drivers: folders.drivers };
    this.writer = new KernelWrites(folders, kernel);
  }

  /** Makes the tree and starts reacting. Disposing what it returns removes everything. */
  static async create(options: PciTreeOptions): Promise<SimulatedPciTree> {
    const root = await mkdtemp(join(options.parent ?? tmpdir(), 'pci-tree-'));
    const folders = new TreeFolders(root);
    const faults = new Faults();
    const drivers = driverNames(options);
    const kernel = new EmulatedKernel({ folders, faults, drivers, hooks: options.hooks ?? {} });
    const tree = new SimulatedPciTree(folders, kernel, faults);
    try {
      await tree.#start(drivers, options);
      return tree;
    } catch (error) {
      await tree[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The folder of the whole tree. */
  get root(): string {
    return this.#folders.root;
  }

  /**
   * Shows these netdevs below a bound function from now on: the tree shows those of the home namespace only. A function
   * without driver has no netdevs to show.
   */
  async setNetdevs(address: PciAddress, netdevs: readonly FunctionNetdev[]): Promise<void> {
    if (await this.#folders.has(address, 'driver')) await this.#folders.showNetdevs(address, netdevs);
  }

  /** The driver that a function is bound to. */
  driver(address: PciAddress): Promise<string | undefined> {
    return this.#folders.driver(address);
  }

  /** The driver that a function is reserved for by `driver_override`. */
  driverOverride(address: PciAddress): Promise<string | undefined> {
    return this.#folders.override(address);
  }

  /** The name that the node of the function's IOMMU group has below `/dev/vfio`; undefined while it is in none. */
  groupNode(address: PciAddress): Promise<string | undefined> {
    return this.#folders.groupNode(address);
  }

  /** True when somebody wrote `1` to the function's `reset` through the file system. */
  async resetsAsked(address: PciAddress): Promise<boolean> {
    return (await this.#folders.firstLine(address, 'reset')) === '1';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.faults.releaseAll();
    for (const listener of this.#listeners.splice(0)) {
      if (Symbol.asyncDispose in listener) await listener[Symbol.asyncDispose]();
      else listener[Symbol.dispose]();
    }
    await this.#kernel.idle();
    await rm(this.root, { recursive: true });
  }

  async #start(drivers: ReadonlySet<string>, options: PciTreeOptions): Promise<void> {
    await mkdir(this.roots.devices, { recursive: true });
    await mkdir(join(this.root, 'kernel/iommu_groups'), { recursive: true });
    for (const driver of drivers) await mkdir(join(this.roots.drivers, driver), { recursive: true });
    for (const pf of options.physicalFunctions) await this.#kernel.addPf(pf);
    await this.#listenToDrivers(drivers);
    for (const { address } of options.physicalFunctions) await this.#listenToCount(parsePciAddress(address));
  }

  async #listenToDrivers(drivers: ReadonlySet<string>): Promise<void> {
    const pipes = new Map<string, (address: string) => Promise<void>>();
    pipes.set(join(this.root, 'bus/pci/drivers_probe'), (address) => this.#kernel.probe(address));
    for (const driver of drivers) {
      pipes.set(join(this.roots.drivers, driver, 'bind'), (address) => this.#kernel.bind(driver, address));
      pipes.set(join(this.roots.drivers, driver, 'unbind'), (address) => this.#kernel.unbind(driver, address));
    }
    await promisify(execFile)('mkfifo', ['--mode=600', ...pipes.keys()]);
    for (const [file, react] of pipes) {
      // A refusal is an errno, which a pipe has no way to answer with.
      this.#listeners.push(readCommandPipe(file, (address) => void react(address).catch(() => undefined)));
    }
  }

  async #listenToCount(pf: PciAddress): Promise<void> {
    const file = this.#folders.of(pf, 'sriov_numvfs');
    await writeFile(file, `${this.#kernel.vfCount(pf)}\n`);
    const current = () => this.#kernel.vfCount(pf);
    this.#listeners.push(watchCountFile(file, { current, set: (count) => this.#kernel.setVfCount(pf, count) }));
  }
}

function driverNames({ physicalFunctions, drivers = ['vfio-pci'] }: PciTreeOptions): ReadonlySet<string> {
  const own = physicalFunctions.flatMap(({ driver = 'igb', vfDriver = 'igbvf' }) => [driver, vfDriver]);
  return new Set([...own, ...drivers]);
}
