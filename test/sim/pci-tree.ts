import { ForwarderError, toForwarderError } from '../../src/ports/error.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import { plainDriver } from './driver-quirks.js';
import type { NetdevMaker } from './netdev-maker.js';
import { initialVfSettings, type PfOptions, type SimPf, type SimVf, vfAddress } from './pci-function.js';
import { VfioNodes } from './vfio-nodes.js';

/** Drivers that hand a function to a process; the kernel makes no netdev for it. */
const userspaceDrivers: readonly string[] = ['vfio-pci', 'uio_pci_generic'];

/** The PCI functions of the node and the drivers that hold them. */
export class PciTree {
  readonly vfio = new VfioNodes();
  readonly #makes: NetdevMaker;
  readonly #drivers: Set<string>;
  readonly #functions = new Map<string, SimPf | SimVf>();
  readonly #noIommuAllowed: boolean;
  #groups = 0;

  /**
   * @param drivers registered besides those of the PFs that are plugged in
   * @param noIommuAllowed - vfio-pci takes functions without an IOMMU (`enable_unsafe_noiommu_mode`)
   */
  constructor(makes: NetdevMaker, drivers: readonly string[], noIommuAllowed = false) {
    this.#makes = makes;
    this.#drivers = new Set(drivers);
    this.#noIommuAllowed = noIommuAllowed;
  }

  get pfs(): readonly SimPf[] {
    return [...this.#functions.values()].filter((it) => it.kind === 'pf');
  }

  /** Plugs in a PF, bound to its driver, with as many VFs as it begins with. */
  plug(options: PfOptions): void {
    const { driver = 'igb', vfDriver = 'igbvf', vfs = 0, iommu } = options;
    const pf: SimPf = {
      kind: 'pf',
      address: parsePciAddress(options.address),
      options,
      quirks: options.quirks ?? plainDriver,
      driver,
      vfDriver,
      totalVfs: options.totalVfs ?? Math.max(vfs, 8),
      vfs: [],
      netdevs: [],
      ...(iommu !== 'none' && { iommuGroup: this.#nextGroup() }),
    };
    this.#drivers.add(driver).add(vfDriver);
    this.#functions.set(pf.address, pf);
    this.#makes.ofPf(pf, options.name);
    if (vfs > 0) this.createVfs(pf, vfs);
  }

  hasDriver(driver: string): boolean {
    return this.#drivers.has(driver);
  }

  /** @throws ForwarderError `not-found` */
  function(address: PciAddress): SimPf | SimVf {
    const found = this.#functions.get(address);
    if (found === undefined) throw new ForwarderError('not-found', `there is no PCI function ${address}`);
    return found;
  }

  /** @throws ForwarderError `not-found`; `refused` for a PF */
  vf(address: PciAddress): SimVf {
    const found = this.function(address);
    if (found.kind === 'vf') return found;
    throw new ForwarderError('refused', `${address} is left alone: it is a physical function`);
  }

  /** As a write to `sriov_numvfs`; the caller has checked the number. */
  createVfs(pf: SimPf, count: number): void {
    const { iommu = 'isolated', autoprobe = true } = pf.options;
    const shared = iommu === 'with-pf' ? pf.iommuGroup : iommu === 'vfs-together' ? this.#nextGroup() : undefined;
    for (let n = 0; n < count; n += 1) {
      const address = vfAddress(pf.address, n);
      const group = iommu === 'none' ? undefined : (shared ?? this.#nextGroup());
      const grouped = group === undefined ? {} : { iommuGroup: group };
      const residue = new Set<string>();
      const vf: SimVf = { kind: 'vf', address, pf, settings: initialVfSettings, residue, ...grouped };
      pf.vfs.push(vf);
      this.#functions.set(address, vf);
      if (autoprobe) this.#probe(vf, pf.vfDriver);
    }
  }

  /** As writing 0 to `sriov_numvfs`: VFs vanish with their netdevs, wherever those are. */
  removeVfs(pf: SimPf): void {
    for (const vf of pf.vfs.splice(0)) {
      this.#release(vf);
      this.#functions.delete(vf.address);
    }
  }

  /** As pulling the card: it vanishes with all its VFs. */
  unplug(pf: SimPf): void {
    this.removeVfs(pf);
    this.#makes.removeOfPf(pf);
    this.#functions.delete(pf.address);
  }

  /** Binds over `driver_override`. @throws ForwarderError `not-found`, `unsupported`; the VF keeps what it had */
  bind(vf: SimVf, driver: string, signal: AbortSignal): void | Promise<void> {
    if (vf.driver === driver) return;
    this.#requireTaker(vf, driver);
    const unbound = this.unbind(vf, signal);
    if (unbound !== undefined) return unbound.then(() => this.#probe(vf, driver));
    this.#probe(vf, driver);
  }

  /**
   * Unbinds at once, or when no process has the device open any more. The signal frees the caller from that wait; the
   * kernel goes on waiting and unbinds in the end all the same.
   */
  unbind(vf: SimVf, signal: AbortSignal): void | Promise<void> {
    if (vf.inUse !== undefined) {
      return before(
        vf.inUse.then(() => this.#release(vf)),
        signal,
      );
    }
    this.#release(vf);
  }

  /** @throws ForwarderError `busy`, `unsupported` */
  reset(vf: SimVf): void {
    if (vf.driver !== undefined) {
      throw new ForwarderError('busy', `${vf.address} is not reset while driver ${vf.driver} has it: unbind it first`);
    }
    if (!vf.pf.quirks.resettable) {
      throw new ForwarderError('unsupported', `${vf.address} is not reset: the kernel knows no way to reset it`);
    }
    vf.residue.clear();
  }

  /** The functions of an IOMMU group. */
  members(iommuGroup: number): readonly PciAddress[] {
    return [...this.#functions.values()].filter((it) => it.iommuGroup === iommuGroup).map(({ address }) => address);
  }

  /** A process has a device of the group open. */
  inUse(iommuGroup: number): boolean {
    return this.#vfsOf(iommuGroup).some((vf) => vf.inUse !== undefined);
  }

  #vfsOf(iommuGroup: number): readonly SimVf[] {
    return [...this.#functions.values()].filter((it) => it.kind === 'vf').filter((vf) => vf.iommuGroup === iommuGroup);
  }

  #requireTaker(vf: SimVf, driver: string): void {
    if (!this.hasDriver(driver)) {
      throw new ForwarderError('not-found', `driver ${driver} is not registered: load its module (modprobe ${driver})`);
    }
    if (!userspaceDrivers.includes(driver) && driver !== vf.pf.vfDriver) {
      throw new ForwarderError('unsupported', `${driver} does not take ${vf.address}`);
    }
    if (driver === 'vfio-pci' && vf.iommuGroup === undefined && !this.#noIommuAllowed) {
      throw new ForwarderError('unsupported', `vfio-pci refused ${vf.address}: is the IOMMU on?`);
    }
  }

  #release(vf: SimVf): void {
    const { driver, iommuGroup } = vf;
    vf.driver = undefined;
    this.#makes.removeOfVf(vf);
    if (driver !== 'vfio-pci' || iommuGroup === undefined) return;
    if (this.#vfsOf(iommuGroup).every((it) => it.driver !== 'vfio-pci')) this.vfio.vanish(iommuGroup);
    if (vf.pf.options.iommu === 'none') vf.iommuGroup = undefined;
  }

  #probe(vf: SimVf, driver: string): void {
    vf.driver = driver;
    if (driver === vf.pf.vfDriver) this.#makes.ofVf(vf);
    if (driver !== 'vfio-pci') return;
    const noIommu = vf.iommuGroup === undefined;
    vf.iommuGroup ??= this.#nextGroup();
    this.vfio.appear(vf.iommuGroup, noIommu);
  }

  #nextGroup(): number {
    this.#groups += 1;
    return this.#groups;
  }
}

/** The outcome of the work, unless the signal fires first. */
function before(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = () => reject(toForwarderError(signal.reason));
    signal.addEventListener('abort', left, { once: true });
    void work.then(resolve).finally(() => signal.removeEventListener('abort', left));
  });
}
