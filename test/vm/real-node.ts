import { writeFile } from 'node:fs/promises';
import { SystemClock } from '../../src/clock/system-clock.js';
import { KernelNamespaces } from '../../src/link/kernel-namespaces.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { SysfsProvisioning } from '../../src/pci/sysfs-provisioning.js';
import { WriteHelpers } from '../../src/pci/write-helpers.js';
import type { Link, VfSettings } from '../../src/ports/links.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import { until } from './commands.js';

/** The machine's two cards: igb behind igbvf, seven VFs each, both on one wire. */
export const firstPf = parsePciAddress('0000:01:00.0');
export const secondPf = parsePciAddress('0000:02:00.0');
/** A third one, whose PF and VFs are one IOMMU group. */
export const unpartedPf = parsePciAddress('0000:03:00.0');

/** VFs that the tests make on each. */
export const vfCount = 4;

/** A signal for calls that end by themselves: the emulated processor is slow, and others may use the real one. */
export function inTime(): AbortSignal {
  return AbortSignal.timeout(60_000);
}

/** All that can be seen of a VF, but for indices: a driver that is bound anew makes another netdev. */
export interface VfState {
  readonly driver: string | undefined;
  /** Undefined when it is not at home. */
  readonly netdev: Omit<Link, 'index'> | undefined;
  readonly settings: VfSettings;
}

/** The adapters on the machine's kernel. */
export class RealNode implements Disposable {
  readonly clock = new SystemClock();
  readonly namespaces = new KernelNamespaces();
  readonly pci: SysfsPciBus;
  readonly provisioning: SysfsProvisioning;
  readonly #writer = new WriteHelpers(this.clock);

  constructor() {
    const roots = { devices: '/sys/bus/pci/devices', drivers: '/sys/bus/pci/drivers' };
    const access = { roots, clock: this.clock, writer: this.#writer };
    this.pci = new SysfsPciBus(access);
    this.provisioning = new SysfsProvisioning(access);
  }

  /** The index of a PF's netdev. */
  async pfIndex(pf: PciAddress): Promise<number> {
    return (await this.netdevOf(pf)).index;
  }

  /** The netdev of a function at home, as soon as there is one. */
  async netdevOf(address: PciAddress): Promise<Link> {
    let link: Link | undefined;
    await until(async () => {
      link = await this.namespaces.home.links.find({ parent: address }, inTime());
      return link !== undefined;
    });
    return link as Link;
  }

  /** The VFs of a PF with their netdevs at home, made first where there are none. */
  async vfs(pf: PciAddress): Promise<readonly PciAddress[]> {
    if ((await this.provisioning.vfCount(pf)).current === 0) {
      await this.namespaces.home.links.change(await this.pfIndex(pf), { up: true }, inTime());
      await this.provisioning.createVfs(pf, vfCount, inTime());
    }
    const vfs = await this.pci.virtualFunctions(pf);
    for (const vf of vfs) {
      await this.pci.bind(vf, 'igbvf', inTime());
      await this.netdevOf(vf);
    }
    return vfs;
  }

  /** Takes all VFs from a PF, and takes it down. */
  async bare(pf: PciAddress): Promise<void> {
    await writeFile(`/sys/bus/pci/devices/${pf}/sriov_numvfs`, '0');
    await this.namespaces.home.links.change(await this.pfIndex(pf), { up: false }, inTime());
  }

  /** Binds a VF's driver anew without any setting of its PF: it is as if just made. */
  async renew(vf: PciAddress): Promise<Link> {
    await this.pci.unbind(vf, inTime());
    await this.pci.bind(vf, 'igbvf', inTime());
    return this.netdevOf(vf);
  }

  async stateOf(vf: PciAddress): Promise<VfState> {
    const { driver, physicalFunction } = await this.pci.facts(vf);
    const pf = physicalFunction ?? firstPf;
    const number = (await this.pci.virtualFunctions(pf)).indexOf(vf);
    const link = await this.namespaces.home.links.find({ parent: vf }, inTime());
    const { index: _index, ...netdev } = link ?? { index: 0 };
    return {
      driver,
      netdev: link === undefined ? undefined : (netdev as Omit<Link, 'index'>),
      settings: await this.namespaces.home.links.readVf(await this.pfIndex(pf), number, inTime()),
    };
  }

  [Symbol.dispose](): void {
    this.namespaces[Symbol.dispose]();
    this.#writer[Symbol.dispose]();
  }
}
