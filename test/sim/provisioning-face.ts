import { ForwarderError } from '../../src/ports/error.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { Provisioning } from '../../src/ports/pci-bus.js';
import type { CallGate } from './call-gate.js';
import type { SimPf } from './pci-function.js';
import type { PciTree } from './pci-tree.js';

/** {@link Provisioning} of one process. */
export class ProvisioningFace implements Provisioning {
  readonly #gate: CallGate;
  readonly #tree: PciTree;

  constructor(gate: CallGate, tree: PciTree) {
    this.#gate = gate;
    this.#tree = tree;
  }

  vfCount(address: PciAddress): Promise<{ readonly current: number; readonly total: number }> {
    return this.#gate.call(`provisioning.vfCount ${address}`, undefined, () => {
      const pf = this.#capable(address);
      return { current: pf.vfs.length, total: pf.totalVfs };
    });
  }

  createVfs(address: PciAddress, count: number, signal: AbortSignal): Promise<void> {
    return this.#gate.call(`provisioning.createVfs ${address} ${count}`, signal, () => {
      const pf = this.#capable(address);
      if (!Number.isInteger(count) || count < 1 || count > pf.totalVfs) {
        throw new ForwarderError('invalid', `cannot make ${count} VFs on ${address}: expected 1 to ${pf.totalVfs}`);
      }
      if (pf.vfs.length > 0) {
        throw new ForwarderError('refused', `cannot make ${count} VFs on ${address}: it has ${pf.vfs.length}`);
      }
      this.#tree.createVfs(pf, count);
    });
  }

  #capable(address: PciAddress): SimPf {
    const found = this.#tree.function(address);
    if (found.kind === 'pf' && found.totalVfs > 0) return found;
    throw new ForwarderError('unsupported', `${address} has no SR-IOV`);
  }
}
