import type { PciAddress } from '../ports/pci-address.js';
import type { FunctionFacts, PciBus } from '../ports/pci-bus.js';
import { DriverBinding } from './driver-binding.js';
import { requireDriverName } from './driver-name.js';
import { readFunctionFacts, readNumaNode } from './function-facts.js';
import { isResettable } from './function-reset.js';
import { readGroupMembers } from './group-members.js';
import { pathExists } from './read-attribute.js';
import { driverFolder } from './sysfs-tree.js';
import { systemFailure } from './system-failure.js';
import type { TreeAccess } from './tree-access.js';
import { readVirtualFunctions } from './virtual-functions.js';

/** Milliseconds for binding, unbinding or resetting one function, where the caller's signal does not fire earlier. */
const bindingTimeout = 10_000;

/** The PCI tree of the running kernel (Documentation/ABI/testing/sysfs-bus-pci), below the roots of the settings. */
export class SysfsPciBus implements PciBus {
  readonly #access: TreeAccess;
  readonly #binding: DriverBinding;

  constructor(access: TreeAccess, timeout = bindingTimeout) {
    this.#access = access;
    this.#binding = new DriverBinding(access, timeout);
  }

  facts(address: PciAddress): Promise<FunctionFacts> {
    return orFailure(`reading function ${address}`, readFunctionFacts(this.#access.roots, address));
  }

  numaNode(address: PciAddress): Promise<number | undefined> {
    return orFailure(`reading the NUMA node of ${address}`, readNumaNode(this.#access.roots, address));
  }

  isResettable(address: PciAddress): Promise<boolean> {
    return orFailure(`reading how ${address} is reset`, isResettable(this.#access.roots, address));
  }

  virtualFunctions(physicalFunction: PciAddress): Promise<readonly PciAddress[]> {
    return orFailure(
      `reading the VFs of ${physicalFunction}`,
      readVirtualFunctions(this.#access.roots, physicalFunction),
    );
  }

  bind(address: PciAddress, driver: string, signal: AbortSignal): Promise<void> {
    return orFailure(`binding ${address} to ${driver}`, this.#binding.bind(address, driver, signal));
  }

  unbind(address: PciAddress, signal: AbortSignal): Promise<void> {
    return orFailure(`unbinding ${address}`, this.#binding.unbind(address, signal));
  }

  reset(address: PciAddress, signal: AbortSignal): Promise<void> {
    return orFailure(`resetting ${address}`, this.#binding.reset(address, signal));
  }

  groupMembers(address: PciAddress): Promise<readonly PciAddress[]> {
    return orFailure(`reading the IOMMU group of ${address}`, readGroupMembers(this.#access.roots, address));
  }

  async hasDriver(driver: string): Promise<boolean> {
    requireDriverName(driver);
    return orFailure(`looking for driver ${driver}`, pathExists(driverFolder(this.#access.roots, driver)));
  }
}

async function orFailure<T>(attempt: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw systemFailure(attempt, error);
  }
}
