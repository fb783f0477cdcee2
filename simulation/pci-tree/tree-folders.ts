import { mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { FunctionNetdev } from '../../src/ports/pci-bus.js';
import type { SimulatedFunction } from './options.js';

/** What a new function's folder holds. */
export interface NewFunction extends SimulatedFunction {
  readonly iommuGroup: number | undefined;
  readonly numaNode: number;
  /** More attributes by name, such as `sriov_totalvfs`. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** The folders, links and attributes of the simulated tree, laid out and linked as the kernel's are. */
export class TreeFolders {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get devices(): string {
    return join(this.root, 'bus/pci/devices');
  }

  get drivers(): string {
    return join(this.root, 'bus/pci/drivers');
  }

  /** The path of something in a function's own folder. */
  of(address: PciAddress, ...parts: string[]): string {
    return join(this.root, 'devices/pci', address, ...parts);
  }

  async addFunction(fn: NewFunction): Promise<void> {
    await mkdir(this.of(fn.address), { recursive: true });
    const ids = { vendor: '0x8086', device: fn.vf === undefined ? '0x10c9' : '0x10ca', class: '0x020000' };
    const attributes = { ...ids, ...fn.attributes, numa_node: `${fn.numaNode}`, driver_override: '(null)' };
    for (const [name, text] of Object.entries(attributes)) await writeFile(this.of(fn.address, name), `${text}\n`);
    if (fn.iommuGroup !== undefined) await this.joinGroup(fn.address, fn.iommuGroup);
    if (fn.physicalFunction !== undefined) await symlink(`../${fn.physicalFunction}`, this.of(fn.address, 'physfn'));
    await symlink(`../../../devices/pci/${fn.address}`, join(this.devices, fn.address));
  }

  /** Lists a VF below its PF: last of all, so that whoever finds it there finds it complete. */
  async listVf({ address, physicalFunction = address, vf }: SimulatedFunction): Promise<void> {
    await symlink(`../${address}`, this.of(physicalFunction, `virtfn${vf}`));
  }

  async removeFunction({ address, physicalFunction, vf }: SimulatedFunction): Promise<void> {
    if (physicalFunction !== undefined) await rm(this.of(physicalFunction, `virtfn${vf}`));
    await rm(join(this.devices, address));
    await this.leaveGroup(address);
    await rm(this.of(address), { recursive: true });
  }

  /** The driver that a function is bound to. */
  async driver(address: PciAddress): Promise<string | undefined> {
    return (await this.has(address, 'driver')) ? basename(await readlink(this.of(address, 'driver'))) : undefined;
  }

  /** The function's IOMMU group; undefined while it has none. */
  async iommuGroup(address: PciAddress): Promise<number | undefined> {
    if (!(await this.has(address, 'iommu_group'))) return undefined;
    return Number(basename(await readlink(this.of(address, 'iommu_group'))));
  }

  /** The name of the group's node below `/dev/vfio`, which is there while VFIO has one of its functions. */
  async groupNode(address: PciAddress): Promise<string | undefined> {
    const group = await this.iommuGroup(address);
    if (group === undefined) return undefined;
    const madeUp = (await readdir(this.#groupFolder(`${group}`))).includes('name');
    return madeUp ? `noiommu-${group}` : `${group}`;
  }

  /** A group that VFIO makes up for a function has a name. */
  async makeUpGroup(address: PciAddress, group: number): Promise<void> {
    await this.joinGroup(address, group);
    await writeFile(this.#groupFolder(`${group}`, 'name'), 'vfio-noiommu\n');
  }

  async joinGroup(address: PciAddress, group: number): Promise<void> {
    await mkdir(this.#groupFolder(`${group}`, 'devices'), { recursive: true });
    await symlink(`../../../../devices/pci/${address}`, this.#groupFolder(`${group}`, 'devices', address));
    await symlink(`../../../kernel/iommu_groups/${group}`, this.of(address, 'iommu_group'));
  }

  /** A group ends with its last function. */
  async leaveGroup(address: PciAddress): Promise<void> {
    const group = await this.iommuGroup(address);
    if (group === undefined) return;
    await rm(this.of(address, 'iommu_group'));
    await rm(this.#groupFolder(`${group}`, 'devices', address));
    if ((await readdir(this.#groupFolder(`${group}`, 'devices'))).length > 0) return;
    await rm(this.#groupFolder(`${group}`), { recursive: true });
  }

  async linkDriver(address: PciAddress, driver: string): Promise<void> {
    await symlink(`../../../../devices/pci/${address}`, join(this.drivers, driver, address));
    await symlink(`../../../bus/pci/drivers/${driver}`, this.of(address, 'driver'));
  }

  async unlinkDriver(address: PciAddress, driver: string): Promise<void> {
    await rm(this.of(address, 'driver'));
    await rm(join(this.drivers, driver, address));
  }

  /** Shows these netdevs; undefined removes `net` as a whole. */
  async showNetdevs(address: PciAddress, netdevs: readonly FunctionNetdev[] | undefined): Promise<void> {
    const folder = this.of(address, 'net');
    if (netdevs === undefined) return rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const wanted = new Set(netdevs.map((netdev) => netdev.name));
    for (const name of await readdir(folder)) {
      if (!wanted.has(name)) await rm(join(folder, name), { recursive: true });
    }
    for (const netdev of netdevs) await this.#showNetdev(join(folder, netdev.name), netdev);
  }

  /** The driver that the function is reserved for; undefined when it is for none. */
  async override(address: PciAddress): Promise<string | undefined> {
    const name = await this.firstLine(address, 'driver_override');
    return name === '' || name === '(null)' ? undefined : name;
  }

  /** True while the function's folder has such an entry. */
  async has(address: PciAddress, entry: string): Promise<boolean> {
    return (await readdir(this.of(address))).includes(entry);
  }

  async setAttribute(address: PciAddress, attribute: string, text: string): Promise<void> {
    await writeFile(this.of(address, attribute), `${text}\n`);
  }

  /** What the last write put there: a write does not cut off what a longer one left behind it. */
  async firstLine(address: PciAddress, attribute: string): Promise<string> {
    return (await readFile(this.of(address, attribute), 'utf8')).split('\n')[0] ?? '';
  }

  #groupFolder(group: string, ...parts: string[]): string {
    return join(this.root, 'kernel/iommu_groups', group, ...parts);
  }

  async #showNetdev(folder: string, { devPort = 0, physPortName }: FunctionNetdev): Promise<void> {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'dev_port'), `${devPort}\n`);
    if (physPortName !== undefined) await writeFile(join(folder, 'phys_port_name'), `${physPortName}\n`);
  }
}
