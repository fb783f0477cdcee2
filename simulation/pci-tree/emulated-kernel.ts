import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { Faults } from './faults.js';
import { IommuGroups } from './iommu-groups.js';
import { KernelRefusal } from './kernel-refusal.js';
import type { BindingHooks, SimulatedFunction, SimulatedPf } from './options.js';
import type { TreeFolders } from './tree-folders.js';
import { vfAddressOf } from './vf-address.js';

interface Device {
  readonly fn: SimulatedFunction;
  /** The driver whose ids it has. */
  readonly home: string;
  /** VFIO takes it without an IOMMU too. */
  readonly madeUpGroup: boolean;
  driver: string | undefined;
  /** The device's lock: what is under way with it. */
  busy: Promise<unknown>;
}

interface Pf {
  readonly device: Device;
  readonly options: SimulatedPf;
  readonly vfs: Device[];
}

/** What the emulation works on. */
export interface EmulationParts {
  readonly folders: TreeFolders;
  readonly faults: Faults;
  readonly hooks: BindingHooks;
  readonly drivers: ReadonlySet<string>;
}

/**
 * The kernel's part in driver binding and SR-IOV: what a write to `bind`, `unbind`, `drivers_probe`, `reset` or
 * `sriov_numvfs` does and with which errno it is refused (sysfs-bus-pci, as measured with an 82576). The folders follow.
 */
export class EmulatedKernel {
  readonly #parts: EmulationParts;
  readonly #devices = new Map<string, Device>();
  readonly #pfs = new Map<string, Pf>();
  readonly #groups = new IommuGroups();

  constructor(parts: EmulationParts) {
    this.#parts = parts;
  }

  /** Plugs a PF in, with its VFs. */
  async addPf(options: SimulatedPf): Promise<void> {
    const address = parsePciAddress(options.address);
    const attributes = {
      sriov_totalvfs: `${options.totalVfs}`,
      sriov_numvfs: '0',
      sriov_drivers_autoprobe: '1',
    };
    const device = await this.#addDevice({ address }, options, attributes);
    this.#pfs.set(address, { device, options, vfs: [] });
    await this.#attach(device, device.home);
    if (options.vfs !== undefined) await this.setVfCount(address, options.vfs);
  }

  /** `drivers/<driver>/bind` */
  async bind(driver: string, address: string): Promise<void> {
    const device = this.#device(address);
    await this.#locked(device, async () => {
      const matches = await this.#matches(device, driver);
      if (device.driver !== undefined && matches) throw new KernelRefusal('EBUSY', `${address} has ${device.driver}`);
      if (!matches) throw new KernelRefusal('ENODEV', `${driver} does not match ${address}`);
      await this.#attach(device, driver);
    });
  }

  /** `drivers/<driver>/unbind` */
  async unbind(driver: string, address: string): Promise<void> {
    const device = this.#device(address);
    await this.#locked(device, async () => {
      if (device.driver !== driver) throw new KernelRefusal('ENODEV', `${address} is not bound to ${driver}`);
      await this.#parts.faults.meet('unbind', device.fn.address);
      await this.#detach(device);
    });
  }

  /** `drivers_probe`: succeeds whatever comes of it. */
  async probe(address: string): Promise<void> {
    const device = this.#device(address);
    await this.#locked(device, () => this.#autoprobe(device));
  }

  /** `reset` of a function; whether a driver has it is not the kernel's concern. */
  async reset(address: string, text: string): Promise<void> {
    const device = this.#device(address);
    await this.#locked(device, async () => {
      const { faults, folders, hooks } = this.#parts;
      if (!(await folders.has(device.fn.address, 'reset')))
        throw new KernelRefusal('ENOENT', `${address} has no reset`);
      if (text !== '1') throw new KernelRefusal('EINVAL', `${JSON.stringify(text)} is not 1`);
      await faults.meet('reset', device.fn.address);
      await hooks.onReset?.(device.fn);
    });
  }

  /** `sriov_numvfs`, whose text is left to the writer: it may hold the next number already. */
  async setVfCount(address: string, count: number): Promise<void> {
    const pf = this.#pf(address);
    await this.#locked(pf.device, async () => {
      if (count > pf.options.totalVfs) throw new KernelRefusal('ERANGE', `${address} has ${pf.options.totalVfs} VFs`);
      if (count === pf.vfs.length) return;
      if (pf.device.driver !== pf.device.home)
        throw new KernelRefusal('ENOENT', `${address} has no driver with SR-IOV`);
      if (count > 0 && pf.vfs.length > 0) throw new KernelRefusal('EBUSY', `${address} has ${pf.vfs.length} VFs`);
      await this.#parts.faults.meet('set-vf-count', pf.device.fn.address);
      if (count === 0) await this.#removeVfs(pf);
      else await this.#addVfs(pf, count);
    });
  }

  /** The names of all registered drivers. */
  get drivers(): ReadonlySet<string> {
    return this.#parts.drivers;
  }

  /** Resolves when nothing is under way with any function. */
  async idle(): Promise<void> {
    await Promise.all([...this.#devices.values()].map((device) => device.busy));
  }

  /** The number of VFs that a PF has. */
  vfCount(address: string): number {
    return this.#pf(address).vfs.length;
  }

  async #addVfs(pf: Pf, count: number): Promise<void> {
    const { address } = pf.device.fn;
    for (let vf = 0; vf < count; vf += 1) {
      const place = pf.options.vfAddress ?? ((number: number) => vfAddressOf(address, number));
      const fn = { address: parsePciAddress(place(vf)), physicalFunction: address, vf };
      const device = await this.#addDevice(fn, pf.options, {});
      pf.vfs.push(device);
      await this.#autoprobe(device);
      await this.#parts.folders.listVf(fn);
    }
  }

  async #removeVfs(pf: Pf): Promise<void> {
    for (let device = pf.vfs.pop(); device !== undefined; device = pf.vfs.pop()) {
      const leaving = device;
      await this.#locked(leaving, async () => {
        if (leaving.driver !== undefined) await this.#detach(leaving);
        this.#devices.delete(leaving.fn.address);
        await this.#parts.folders.removeFunction(leaving.fn);
      });
    }
  }

  async #addDevice(fn: SimulatedFunction, pf: SimulatedPf, attributes: Record<string, string>): Promise<Device> {
    const { driver = 'igb', vfDriver = 'igbvf', numaNode = -1, groups = 'separate', resetMethods } = pf;
    const iommuGroup = this.#groups.assign(fn, groups);
    const resets = resetMethods === undefined ? {} : { reset: '', reset_method: resetMethods };
    await this.#parts.folders.addFunction({ ...fn, iommuGroup, numaNode, attributes: { ...attributes, ...resets } });
    const home = fn.vf === undefined ? driver : vfDriver;
    const madeUpGroup = groups === 'made-up';
    const device: Device = { fn, home, madeUpGroup, driver: undefined, busy: Promise.resolve() };
    this.#devices.set(fn.address, device);
    return device;
  }

  async #autoprobe(device: Device): Promise<void> {
    if (device.driver !== undefined) return;
    const driver = (await this.#parts.folders.override(device.fn.address)) ?? device.home;
    if (!this.#parts.drivers.has(driver) || !(await this.#matches(device, driver))) return;
    await this.#attach(device, driver).catch((error: unknown) => {
      // A probe that fails leaves the function unbound, and the write that caused it succeeds.
      if (!(error instanceof KernelRefusal)) throw error;
    });
  }

  async #matches({ fn, home }: Device, driver: string): Promise<boolean> {
    const { folders } = this.#parts;
    const override = await folders.override(fn.address);
    if (override !== undefined) return override === driver;
    const pf = fn.physicalFunction;
    const allowed = pf === undefined || /^[1yY]/.test(await folders.firstLine(pf, 'sriov_drivers_autoprobe'));
    return allowed && driver === home;
  }

  async #attach(device: Device, driver: string): Promise<void> {
    const { faults, folders, hooks } = this.#parts;
    const { address } = device.fn;
    await faults.meet('bind', address);
    const vfio = driver.includes('vfio');
    if (vfio && device.madeUpGroup) await folders.makeUpGroup(address, this.#groups.makeUp());
    if (vfio && !(await folders.has(address, 'iommu_group'))) throw new KernelRefusal('EINVAL', 'there is no IOMMU');
    const netdevs = hooks.onBind === undefined ? (vfio ? undefined : []) : await hooks.onBind(device.fn, driver);
    await folders.showNetdevs(address, netdevs);
    device.driver = driver;
    await folders.linkDriver(address, driver);
  }

  async #detach(device: Device): Promise<void> {
    const { folders, hooks } = this.#parts;
    const { address } = device.fn;
    const driver = device.driver ?? '';
    const pf = this.#pfs.get(address);
    if (pf !== undefined) {
      await this.#removeVfs(pf);
      await folders.setAttribute(address, 'sriov_numvfs', '0');
    }
    await hooks.onUnbind?.(device.fn, driver);
    await folders.showNetdevs(address, undefined);
    if (device.madeUpGroup) await folders.leaveGroup(address);
    device.driver = undefined;
    await folders.unlinkDriver(address, driver);
  }

  #locked(device: Device, work: () => Promise<void>): Promise<void> {
    const done = device.busy.then(work);
    device.busy = done.catch(() => undefined);
    return done;
  }

  #device(address: string): Device {
    const device = this.#devices.get(address);
    if (device === undefined) throw new KernelRefusal('ENODEV', `there is no function ${address}`);
    return device;
  }

  #pf(address: string): Pf {
    const pf = this.#pfs.get(address);
    if (pf === undefined) throw new KernelRefusal('ENOENT', `there is no PF ${address}`);
    return pf;
  }
}
