import type { DeviceAccess } from '../../src/ports/device-access.js';
import type { Journal } from '../../src/ports/journal.js';
import type { Namespaces } from '../../src/ports/links.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { PciBus, Provisioning } from '../../src/ports/pci-bus.js';
import type { PodOwners } from '../../src/ports/pod-owners.js';
import type { VfioDevices } from '../../src/ports/vfio-devices.js';
import { Background } from './background.js';
import type { CallGate } from './call-gate.js';
import { FaultPlan } from './fault-plan.js';
import type { JournalDisk } from './journal.js';
import { NamespaceRegistry } from './namespace-registry.js';
import { NetdevMaker } from './netdev-maker.js';
import { Others } from './others.js';
import type { PfOptions } from './pci-function.js';
import { PciTree } from './pci-tree.js';
import { Pods } from './pods.js';
import { SimProcess } from './process.js';
import { snapshotText } from './snapshot.js';
import { inOrder, type Turn } from './turn.js';

/** What a simulated node is made of. */
export interface SimNodeOptions {
  readonly pfs?: readonly PfOptions[];
  /** Registered besides the PFs' and VFs' own; `vfio-pci` unless given. */
  readonly drivers?: readonly string[];
  /** VFs whose netdevs do not tell the function behind them, as where virtual links stand for them. */
  readonly simulatedVfs?: boolean;
  /** A kernel before 6.2. */
  readonly renameNeedsDown?: boolean;
  /** Whether the process sees those of the clients, and so can find their namespaces; true unless given. */
  readonly clientsSeen?: boolean;
  /** The version of cgroups that decides about devices; 2 unless given. */
  readonly cgroups?: 1 | 2;
  /** vfio-pci takes functions of a node without IOMMU. */
  readonly noIommuAllowed?: boolean;
  /** Who deals out the turns; in order unless given. */
  readonly turn?: Turn;
}

/**
 * A node in memory: one state, and one face for each port, so that the parts react to each other as those of the
 * kernel do. It refuses what it does not model. Every port call takes a turn and can be made to fail, hang or crash.
 */
export class SimNode {
  /** All calls so far, and which of them go wrong. */
  readonly faults = new FaultPlan();
  /** What everybody else does on the node. */
  readonly others: Others;
  readonly pods: Pods;
  readonly #turn: Turn;
  readonly #background: Background;
  readonly #registry: NamespaceRegistry;
  readonly #tree: PciTree;
  readonly #disk: JournalDisk = new Map();
  #process: SimProcess;
  #crashes = 0;

  constructor(options: SimNodeOptions = {}) {
    const { pfs = [], drivers = ['vfio-pci'], turn = inOrder } = options;
    const { simulatedVfs = false, renameNeedsDown = false, clientsSeen = true } = options;
    this.#turn = turn;
    this.#background = new Background(turn);
    this.#registry = new NamespaceRegistry(this.#background, clientsSeen);
    const { home } = this.#registry;
    const maker = new NetdevMaker({ home, background: this.#background, simulatedVfs, renameNeedsDown });
    this.#tree = new PciTree(maker, drivers, options.noIommuAllowed);
    this.pods = new Pods(options.cgroups ?? 2, this.#tree);
    this.others = new Others(this.#registry, this.#tree, maker);
    for (const pf of pfs) this.#tree.plug(pf);
    this.#process = this.#start();
  }

  get bus(): PciBus {
    return this.#process.bus;
  }

  get provisioning(): Provisioning {
    return this.#process.provisioning;
  }

  get namespaces(): Namespaces {
    return this.#process.namespaces;
  }

  /** What the process before has written is on record in it. */
  get journal(): Journal {
    return this.#process.journal;
  }

  get deviceAccess(): DeviceAccess {
    return this.#process.deviceAccess;
  }

  get vfio(): VfioDevices {
    return this.#process.vfio;
  }

  get podOwners(): PodOwners {
    return this.#process.podOwners;
  }

  /** How peers outside the node are reached: what goes through it is a call of the process like all others. */
  get gate(): CallGate {
    return this.#process.gate;
  }

  /** Fires when the process that runs now ends. */
  get ended(): AbortSignal {
    return this.#process.ended;
  }

  /** How often the process has crashed. */
  get crashes(): number {
    return this.#crashes;
  }

  /** Namespaces that the process keeps open, home apart: what is left after a test is a leak. */
  openHandles(): number {
    return this.#process.openHandles;
  }

  /** Pulls the cable of a PF's port, or plugs it in again. */
  plug(physicalFunction: PciAddress, plugged: boolean): void {
    const pf = this.#tree.pfs.find(({ address }) => address === physicalFunction);
    for (const netdev of pf?.netdevs ?? []) {
      if (plugged) delete netdev.unplugged;
      else netdev.unplugged = true;
    }
  }

  /** A new network namespace with a client in it, behind this path (`/sim/ns/a`). */
  addNamespace(path: string): string {
    this.#registry.create(path);
    return path;
  }

  /** The client ends: its namespace does too, as soon as nobody else has it open. See {@link settled}. */
  killNamespace(path: string): void {
    this.#registry.kill(path);
  }

  /**
   * The process ends without a word: its calls never return, its descriptors close. The ports of this node are those of
   * its successor from now on.
   */
  crash(): void {
    this.#process.end();
    this.#crashes += 1;
    this.#process = this.#start();
  }

  /** Resolves when the kernel has done what it does by itself: ended namespaces, registered netdevs. */
  settled(): Promise<void> {
    return this.#background.settled();
  }

  /** The whole state as text, sorted: equal texts mean equal nodes. */
  snapshot(): string {
    const text = snapshotText(this.#tree.pfs, [this.#registry.home, ...this.#registry.all]);
    return [text, ...this.pods.snapshot().map((line) => `${line}\n`)].join('');
  }

  #start(): SimProcess {
    const gate = { plan: this.faults, turn: this.#turn, crash: () => this.crash() };
    return new SimProcess(gate, { registry: this.#registry, tree: this.#tree, disk: this.#disk, pods: this.pods });
  }
}
