import type { PciAddress } from '../../src/ports/pci-address.js';
import type { FunctionFacts, FunctionNetdev, PciBus } from '../../src/ports/pci-bus.js';
import type { CallGate } from './call-gate.js';
import type { Netdev } from './netdev.js';
import { noMac, type SimPf, type SimVf } from './pci-function.js';
import type { PciTree } from './pci-tree.js';

/** {@link PciBus} of one process. */
export class PciBusFace implements PciBus {
  readonly #gate: CallGate;
  readonly #tree: PciTree;

  constructor(gate: CallGate, tree: PciTree) {
    this.#gate = gate;
    this.#tree = tree;
  }

  facts(address: PciAddress): Promise<FunctionFacts> {
    return this.#gate.call(`pci.facts ${address}`, undefined, () => factsOf(this.#tree.function(address)));
  }

  numaNode(address: PciAddress): Promise<number | undefined> {
    return this.#gate.call(`pci.numaNode ${address}`, undefined, () => {
      const it = this.#tree.function(address);
      return (it.kind === 'pf' ? it : it.pf).options.numaNode;
    });
  }

  isResettable(address: PciAddress): Promise<boolean> {
    return this.#gate.call(`pci.isResettable ${address}`, undefined, () => {
      const it = this.#tree.function(address);
      return it.kind === 'vf' && it.pf.quirks.resettable;
    });
  }

  virtualFunctions(physicalFunction: PciAddress): Promise<readonly PciAddress[]> {
    return this.#gate.call(`pci.virtualFunctions ${physicalFunction}`, undefined, () => {
      const found = this.#tree.function(physicalFunction);
      return found.kind === 'pf' ? found.vfs.map((vf) => vf.address) : [];
    });
  }

  bind(address: PciAddress, driver: string, signal: AbortSignal): Promise<void> {
    return this.#gate.call(`pci.bind ${address} ${driver}`, signal, () =>
      this.#tree.bind(this.#tree.vf(address), driver, signal),
    );
  }

  unbind(address: PciAddress, signal: AbortSignal): Promise<void> {
    return this.#gate.call(`pci.unbind ${address}`, signal, () => this.#tree.unbind(this.#tree.vf(address), signal));
  }

  reset(address: PciAddress, signal: AbortSignal): Promise<void> {
    return this.#gate.call(`pci.reset ${address}`, signal, () => this.#tree.reset(this.#tree.vf(address)));
  }

  groupMembers(address: PciAddress): Promise<readonly PciAddress[]> {
    return this.#gate.call(`pci.groupMembers ${address}`, undefined, () => {
      const { iommuGroup } = this.#tree.function(address);
      return iommuGroup === undefined ? [] : this.#tree.members(iommuGroup);
    });
  }

  hasDriver(driver: string): Promise<boolean> {
    return this.#gate.call(`pci.hasDriver ${driver}`, undefined, () => this.#tree.hasDriver(driver));
  }
}

function factsOf(it: SimPf | SimVf): FunctionFacts {
  const pf = it.kind === 'pf' ? it : it.pf;
  const netdevs = it.kind === 'pf' ? it.netdevs : it.netdev === undefined ? [] : [it.netdev];
  return {
    address: it.address,
    netdevs: netdevs.filter((netdev) => netdev.namespace.path === 'home').map((netdev) => functionNetdev(it, netdev)),
    ...(it.driver !== undefined && { driver: it.driver }),
    ...(it.iommuGroup !== undefined && { iommuGroup: it.iommuGroup }),
    ...(it.kind === 'vf' && { physicalFunction: pf.address }),
  };
}

function functionNetdev(it: SimPf | SimVf, { name, origin }: Netdev): FunctionNetdev {
  const ownMac = it.kind === 'vf' && it.pf.quirks.showsVfMac && it.settings.mac === noMac;
  return { name, devPort: 0, ...origin.port, ...(ownMac && { ownMac }) };
}
