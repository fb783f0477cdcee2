import type { DeviceAccess } from '../../src/ports/device-access.js';
import type { Journal } from '../../src/ports/journal.js';
import type { Namespaces } from '../../src/ports/links.js';
import type { PciBus, Provisioning } from '../../src/ports/pci-bus.js';
import type { PodOwners } from '../../src/ports/pod-owners.js';
import type { VfioDevices } from '../../src/ports/vfio-devices.js';
import { CallGate, type GateParts } from './call-gate.js';
import { DeviceAccessFace } from './device-access-face.js';
import { type JournalDisk, SimJournal } from './journal.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import { NamespacesFace } from './namespaces-face.js';
import { PciBusFace } from './pci-bus-face.js';
import type { PciTree } from './pci-tree.js';
import type { Pods } from './pods.js';
import { ProvisioningFace } from './provisioning-face.js';
import { VfioFace } from './vfio-face.js';

/** What of the node outlives every process. */
export interface Outliving {
  readonly registry: NamespaceRegistry;
  readonly tree: PciTree;
  readonly disk: JournalDisk;
  readonly pods: Pods;
}

/** The ports as one run of the daemon has them, with the descriptors that it holds. */
export class SimProcess {
  readonly bus: PciBus;
  readonly provisioning: Provisioning;
  readonly namespaces: Namespaces;
  readonly journal: Journal;
  readonly deviceAccess: DeviceAccess;
  readonly vfio: VfioDevices;
  readonly podOwners: PodOwners;
  /** The way of its calls to whomever it talks to outside the node: it closes with the process. */
  readonly gate: CallGate;
  readonly #namespaces: NamespacesFace;
  readonly #ended = new AbortController();

  constructor(gate: GateParts, { registry, tree, disk, pods }: Outliving) {
    this.gate = new CallGate(gate);
    this.#namespaces = new NamespacesFace(this.gate, registry, tree);
    this.namespaces = this.#namespaces;
    this.bus = new PciBusFace(this.gate, tree);
    this.provisioning = new ProvisioningFace(this.gate, tree);
    this.journal = new SimJournal(this.gate, disk);
    this.deviceAccess = new DeviceAccessFace(this.gate, pods.tree);
    this.vfio = new VfioFace(this.gate, tree);
    this.podOwners = pods.owners(this.gate);
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
