import { undoAttempt } from '../../src/forwarder/undoing.js';
import { Book } from '../../src/ledger/book.js';
import type { Entry } from '../../src/ledger/entry.js';
import { Ledger } from '../../src/ledger/ledger.js';
import { HeldNamespaces } from '../../src/mechanism/held-namespaces.js';
import type { Work } from '../../src/mechanism/kernel/configure-ip.js';
import { kernelInverses } from '../../src/mechanism/kernel/inverses.js';
import type { NetdevPlan } from '../../src/mechanism/kernel/netdev-plan.js';
import type { World } from '../../src/mechanism/kernel/world.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parseMac } from '../../src/ports/ip.js';
import type { NetNamespace } from '../../src/ports/links.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { memoryJournal } from '../ledger/memory-journal.js';
import { type Pod, startPod } from './commands.js';
import { inTime, type RealNode } from './real-node.js';

/** What a delivery can be told beside the VF and the pod. */
export interface Wish {
  readonly interfaceName?: string;
  readonly mac?: string;
  readonly vlan?: number;
  readonly mtu?: number;
  readonly addresses?: readonly string[];
}

const holder = 'connection-0';

/** One client: a pod, the VF it shall have, and the ledger of what was done for it. */
export class DeliveryBench implements AsyncDisposable {
  readonly world: World;
  readonly pod: Pod;
  readonly namespace: NetNamespace;
  readonly ledger: Ledger;
  /** What could not be undone. */
  readonly owed: Entry[] = [];
  readonly #node: RealNode;

  private constructor(node: RealNode, pod: Pod, resetVfs: boolean) {
    this.#node = node;
    this.pod = pod;
    this.world = {
      pci: node.pci,
      namespaces: node.namespaces,
      held: new HeldNamespaces(),
      clock: node.clock,
      resetVfs,
    };
    this.namespace = this.world.held.hold(node.namespaces.open(pod.path), holder);
    this.ledger = new Ledger(holder, {
      book: new Book(memoryJournal()),
      attempt: undoAttempt(kernelInverses(this.world), node.clock),
      admit: (owed) => this.owed.push(...[...owed.values()].flat().map(({ entry }) => entry)),
    });
  }

  /** @param settings - `resetVfs` as the setting; true unless given */
  static async start(node: RealNode, { resetVfs = true }: { resetVfs?: boolean } = {}): Promise<DeliveryBench> {
    return new DeliveryBench(node, await startPod(), resetVfs);
  }

  /** What to do now, recorded in the ledger. */
  get work(): Work {
    return { ledger: this.ledger, signal: inTime() };
  }

  async plan(vf: PciAddress, wish: Wish = {}): Promise<NetdevPlan> {
    const { physicalFunction } = await this.#node.pci.facts(vf);
    if (physicalFunction === undefined) throw new Error(`${vf} is no VF`);
    const vfIndex = (await this.#node.pci.virtualFunctions(physicalFunction)).indexOf(vf);
    const { interfaceName = 'nsm-1', mac, vlan, mtu, addresses } = wish;
    return {
      function: vf,
      physicalFunction,
      vfIndex,
      driver: 'igbvf',
      namespace: this.namespace.id,
      interfaceName,
      ...(addresses !== undefined && { ip: { addresses, routes: [], neighbours: [], policies: [] } }),
      ...(mac !== undefined && { mac: parseMac(mac) }),
      ...(vlan !== undefined && { vlan }),
      ...(mtu !== undefined && { mtu }),
    };
  }

  /** Takes everything back. @throws ForwarderError when something could not be */
  async unwind(): Promise<void> {
    const { failures } = await this.ledger.unwind();
    const [first] = failures;
    if (first !== undefined) throw new ForwarderError(first.kind, first.message, { undoFailures: failures });
  }

  /** Lets go of the namespace, as a forwarder does that is gone. */
  drop(): void {
    this.world.held.drop(this.namespace.id, holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pod.die();
    this.drop();
  }
}
