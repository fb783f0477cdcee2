import { undoAttempt } from '../../src/forwarder/undoing.js';
import { Book } from '../../src/ledger/book.js';
import { Ledger, type Owed } from '../../src/ledger/ledger.js';
import { HeldNamespaces } from '../../src/mechanism/held-namespaces.js';
import { kernelInverses } from '../../src/mechanism/kernel/inverses.js';
import { checkDevice, deliverDevice } from '../../src/mechanism/vfio/deliver-device.js';
import type { DeliveredDevice, DevicePlan } from '../../src/mechanism/vfio/device-plan.js';
import { vfioInverses } from '../../src/mechanism/vfio/inverses.js';
import { SharedChanges } from '../../src/mechanism/vfio/shared-changes.js';
import type { VfioWorld } from '../../src/mechanism/vfio/vfio-world.js';
import type { Cgroup } from '../../src/ports/device-access.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parseMac } from '../../src/ports/ip.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { PodUid } from '../../src/ports/pod-cgroup.js';
import { VfioFolder } from '../../src/vfio/vfio-folder.js';
import { CgroupHarness } from '../cgroup/cgroup-harness.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { memoryJournal } from '../ledger/memory-journal.js';
import { cgroupsV2, type DeviceCgroups } from './device-cgroups.js';
import { firstPf, inTime, type RealNode } from './real-node.js';

/** The VFIO mechanism on the machine's kernel: real cards, real cgroups, real processes. */
export class DeviceDeliveryBench implements AsyncDisposable {
  readonly world: VfioWorld;
  readonly log = new RecordedLog();
  readonly cgroups: CgroupHarness;
  /** What could not be undone, next one first. */
  owed: Owed[] = [];
  readonly #book = new Book(memoryJournal());
  readonly #ledgers = new Map<string, Ledger>();

  constructor(
    node: RealNode,
    settings: Partial<Pick<VfioWorld, 'afterUse' | 'resetVfs'>> = {},
    cgroups: DeviceCgroups = cgroupsV2,
  ) {
    const { access } = cgroups;
    this.cgroups = new CgroupHarness(cgroups);
    this.world = {
      pci: node.pci,
      namespaces: node.namespaces,
      held: new HeldNamespaces(),
      clock: node.clock,
      resetVfs: true,
      access,
      vfio: new VfioFolder('/dev/vfio', this.log),
      grants: new SharedChanges(),
      bound: new SharedChanges(),
      isOffered: () => true,
      afterUse: 'return',
      noIommuAllowed: false,
      ...settings,
    };
  }

  folder(cgroup: Cgroup): string {
    return this.cgroups.folder(cgroup);
  }

  ledger(connection = 'connection-1'): Ledger {
    const known = this.#ledgers.get(connection);
    const ledger = known ?? new Ledger(connection, this.#undoing());
    this.#ledgers.set(connection, ledger);
    return ledger;
  }

  async plan(vf: PciAddress, pod: PodUid, wish: { mac?: string; vlan?: number } = {}): Promise<DevicePlan> {
    const { physicalFunction = firstPf } = await this.world.pci.facts(vf);
    const vfIndex = (await this.world.pci.virtualFunctions(physicalFunction)).indexOf(vf);
    return {
      function: vf,
      physicalFunction,
      vfIndex,
      client: { pod, below: '' },
      ...(wish.mac !== undefined && { mac: parseMac(wish.mac) }),
      ...(wish.vlan !== undefined && { vlan: wish.vlan }),
    };
  }

  async deliver(plan: DevicePlan, connection?: string): Promise<DeliveredDevice> {
    const work = { ledger: this.ledger(connection), signal: inTime() };
    await checkDevice(this.world, plan, work);
    return deliverDevice(this.world, plan, work);
  }

  /** @throws ForwarderError when something could not be undone */
  async close(connection?: string): Promise<void> {
    const { failures } = await this.ledger(connection).unwind();
    const [first] = failures;
    if (first !== undefined) throw new ForwarderError(first.kind, first.message, { undoFailures: failures });
  }

  /** Tries again what is owed, as the quarantine does. */
  async retry(): Promise<void> {
    const { attempt } = this.#undoing();
    for (const { entry } of this.owed.splice(0)) await attempt(entry);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cgroups[Symbol.asyncDispose]();
  }

  #undoing() {
    return {
      book: this.#book,
      attempt: undoAttempt({ ...kernelInverses(this.world), ...vfioInverses(this.world) }, this.world.clock),
      admit: (owed: ReadonlyMap<string, readonly Owed[]>) => void this.owed.push(...[...owed.values()].flat()),
    };
  }
}
