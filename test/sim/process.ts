import type { Namespaces } from '../../src/ports/links.js';
import type { PciBus, Provisioning } from '../../src/ports/pci-bus.js';
import { CallGate, type GateParts } from './call-gate.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import { NamespacesFace } from './namespaces-face.js';
import { PciBusFace } from './pci-bus-face.js';
import type { PciTree } from './pci-tree.js';
import { ProvisioningFace } from './provisioning-face.js';

/** The ports as one run of the daemon has them, with the descriptors that it holds. */
export class SimProcess {
  readonly bus: PciBus;
  readonly provisioning: Provisioning;
  readonly namespaces: Namespaces;
  readonly #gate: CallGate;
  readonly #namespaces: NamespacesFace;

  constructor(gate: GateParts, registry: NamespaceRegistry, tree: PciTree) {
    this.#gate = new CallGate(gate);
    this.#namespaces = new NamespacesFace(this.#gate, registry, tree);
    this.namespaces = this.#namespaces;
    this.bus = new PciBusFace(this.#gate, tree);
    this.provisioning = new ProvisioningFace(this.#gate, tree);
  }

  get openHandles(): number {
    return this.#namespaces.openHandles;
  }

  /** Ends without a word: calls under way never return, descriptors close. */
  end(): void {
    this.#gate.close();
    this.#namespaces.closeAll();
  }
}
