import type { Journal } from '../../src/ports/journal.js';
import type { Namespaces } from '../../src/ports/links.js';
import type { PciBus, Provisioning } from '../../src/ports/pci-bus.js';
import { CallGate, type GateParts } from './call-gate.js';
import { type JournalDisk, SimJournal } from './journal.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import { NamespacesFace } from './namespaces-face.js';
import { PciBusFace } from './pci-bus-face.js';
import type { PciTree } from './pci-tree.js';
import { ProvisioningFace } from './provisioning-face.js';

/** What of the node outlives every process. */
export interface Outliving {
  readonly registry: NamespaceRegistry;
  readonly tree: PciTree;
  readonly disk: JournalDisk;
}

/** The ports as one run of the daemon has them, with the descriptors that it holds. */
export class SimProcess {
  readonly bus: PciBus;
  readonly provisioning: Provisioning;
  readonly namespaces: Namespaces;
  readonly journal: Journal;
  /** The way of its calls to whomever it talks to outside the node: it closes with the process. */
  readonly gate: CallGate;
  readonly #namespaces: NamespacesFace;
  readonly #ended = new AbortController();

  constructor(gate: GateParts, { registry, tree, disk }: Outliving) {
    this.gate = new CallGate(gate);
    this.#namespaces = new NamespacesFace(this.gate, registry, tree);
    this.namespaces = this.#namespaces;
    this.bus = new PciBusFace(this.gate, tree);
    this.provisioning = new ProvisioningFace(this.gate, tree);
    this.journal = new SimJournal(this.gate, disk);
  }

  /** Fires when it has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  get openHandles(): number {
    return this.#namespaces.openHandles;
  }

  /** Ends without a word: calls under way never return, descriptors close. */
  end(): void {
    this.gate.close();
    this.#namespaces.closeAll();
    this.#ended.abort();
  }
}
