import { undoAttempt } from '../../../src/forwarder/undoing.js';
import { Book } from '../../../src/ledger/book.js';
import type { Entry } from '../../../src/ledger/entry.js';
import { Ledger, type Owed } from '../../../src/ledger/ledger.js';
import { HeldNamespaces } from '../../../src/mechanism/held-namespaces.js';
import type { Work } from '../../../src/mechanism/kernel/configure-ip.js';
import { kernelInverses } from '../../../src/mechanism/kernel/inverses.js';
import { auditDevices } from '../../../src/mechanism/vfio/audit-devices.js';
import { checkDevice, deliverDevice } from '../../../src/mechanism/vfio/deliver-device.js';
import type { DeliveredDevice, DevicePlan } from '../../../src/mechanism/vfio/device-plan.js';
import { restoreVfio, vfioInverses } from '../../../src/mechanism/vfio/inverses.js';
import { keepPodAccess } from '../../../src/mechanism/vfio/pod-access.js';
import { SharedChanges } from '../../../src/mechanism/vfio/shared-changes.js';
import type { VfioWorld } from '../../../src/mechanism/vfio/vfio-world.js';
import { ForwarderError } from '../../../src/ports/error.js';
import { parsePciAddress } from '../../../src/ports/pci-address.js';
import { type PodUid, parsePodUid } from '../../../src/ports/pod-cgroup.js';
import { RecordedLog } from '../../deviceplugin/recorded-log.js';
import { SimClock } from '../../sim/clock.js';
import { SimNode, type SimNodeOptions } from '../../sim/node.js';
import type { PfOptions } from '../../sim/pci-function.js';

export const pf = parsePciAddress('0000:01:00.0');
/** The VFs of {@link pf} in the order of their numbers. */
export const vfs = ['0000:01:10.0', '0000:01:10.2', '0000:01:10.4', '0000:01:10.6'].map(parsePciAddress);
export const podUid = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d');
export const otherPodUid = parsePodUid('9f0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e');

/** What a bench is made of; what is not given is usual. */
export interface BenchOptions extends Omit<SimNodeOptions, 'pfs'> {
  readonly pf?: Partial<PfOptions>;
  /** Lets time pass until work is done; the clock does unless given. */
  readonly until?: <T>(work: Promise<T>) => Promise<T>;
  readonly settings?: Partial<Pick<VfioWorld, 'afterUse' | 'noIommuAllowed' | 'isOffered' | 'resetVfs'>>;
}

/** The VFIO mechanism over a simulated node, with a pod of one container, and a ledger for each connection. */
export class DeviceBench {
  readonly node: SimNode;
  readonly clock = new SimClock();
  readonly log = new RecordedLog();
  readonly pod: PodUid;
  /** What could not be undone, oldest last. */
  owed: Owed[] = [];
  world: VfioWorld;
  /** Everything on the node before anything was done. */
  readonly untouched: string;
  readonly #settings: BenchOptions['settings'];
  readonly #passing: <T>(work: Promise<T>) => Promise<T>;
  #crashesSeen = 0;
  #book: Book;
  #ledgers = new Map<string, Ledger>();

  constructor({ pf: more = {}, settings = {}, until, ...options }: BenchOptions = {}) {
    this.#passing = until ?? ((work) => this.clock.advanceUntil(work));
    this.node = new SimNode({ ...options, pfs: [{ address: pf, name: 'pf0', vfs: 4, ...more }] });
    this.#settings = settings;
    this.pod = this.node.pods.add(podUid);
    this.world = this.#makeWorld();
    this.#book = new Book(this.node.journal);
    this.untouched = this.node.snapshot();
  }

  /** The ledger of a connection, with what is on record of it. */
  ledger(connection = 'connection-1'): Ledger {
    const known = this.#ledgers.get(connection);
    if (known !== undefined) return known;
    const recorded = this.#book.byConnection().get(connection) ?? [];
    const made = new Ledger(connection, this.#undoing(), recorded);
    this.#ledgers.set(connection, made);
    return made;
  }

  ledgers(): readonly Ledger[] {
    return [...this.#ledgers.values()];
  }

  work(connection?: string, signal = new AbortController().signal): Work {
    return { ledger: this.ledger(connection), signal };
  }

  plan(n = 0, more: Partial<DevicePlan> = {}): DevicePlan {
    const address = vfs[n] ?? pf;
    return { function: address, physicalFunction: pf, vfIndex: n, client: { pod: this.pod, below: '' }, ...more };
  }

  /** All that a Request does; it is taken back when it fails. */
  async deliver(plan = this.plan(), connection?: string): Promise<DeliveredDevice> {
    const ledger = this.ledger(connection);
    const mark = ledger.mark();
    using deadline = this.clock.deadline("the caller's call", 15_000);
    const work = { ledger, signal: deadline.signal };
    const delivery = (async () => {
      await checkDevice(this.world, plan, work);
      return deliverDevice(this.world, plan, work);
    })();
    try {
      return await this.#until(delivery);
    } catch (error) {
      if (!(error instanceof ProcessEnded)) await this.#until(ledger.unwind(mark));
      throw error;
    }
  }

  /** @throws ForwarderError when something could not be undone */
  async close(connection?: string): Promise<void> {
    const { failures } = await this.#until(this.ledger(connection).unwind());
    const [first] = failures;
    if (first !== undefined) throw new ForwarderError(first.kind, first.message, { undoFailures: failures });
  }

  /** The process ends, if it has not, and another one takes over what is on record. */
  restart(): void {
    if (this.node.crashes === this.#crashesSeen) this.node.crash();
    this.#crashesSeen = this.node.crashes;
    this.world = this.#makeWorld();
    this.#book = new Book(this.node.journal);
    this.#ledgers = new Map();
    this.owed = [];
    const recorded = this.#book.byConnection();
    restoreVfio(this.world, [...recorded.values()].flat());
    for (const connection of recorded.keys()) this.ledger(connection);
  }

  /** One look at the access of one connection. */
  async keep(connection: string): Promise<void> {
    await this.#until(keepPodAccess(this.world, this.work(connection)));
  }

  /** One look at the access of all connections. What it says is kept in {@link log}. */
  async audit(): Promise<void> {
    const eachLedger = async (work: (ledger: Ledger) => Promise<void>) => {
      for (const ledger of this.#ledgers.values()) await work(ledger);
    };
    using deadline = this.clock.deadline('the audit', 30_000);
    await this.#until(auditDevices({ world: this.world, eachLedger, log: this.log }, deadline.signal));
  }

  /** Tries again what is owed, as the quarantine does. @returns how many steps are owed still */
  async retry(): Promise<number> {
    const attempt = this.#undoing().attempt;
    const steps = this.owed;
    this.owed = [];
    let failed = false;
    for (const step of steps) {
      failed ||= await this.#until(
        attempt(step.entry).then(
          () => false,
          () => true,
        ),
      );
      if (failed) this.owed.push(step);
      else this.#book.erase(step.entry);
    }
    return this.owed.length;
  }

  /** Whether a process in the container may open the device. */
  mayOpen({ device }: Pick<DeliveredDevice, 'device'>, container = 'main', pod = this.pod): boolean {
    return this.node.pods.mayOpen(pod, container, device);
  }

  /** Lets as much time pass as the work takes. @throws ProcessEnded when the process does not live to see its outcome */
  async #until<T>(work: Promise<T>): Promise<T> {
    const { ended } = this.node;
    const listening = new AbortController();
    const end = new Promise<never>((_, reject) => {
      const over = () => reject(new ProcessEnded());
      if (ended.aborted) over();
      else ended.addEventListener('abort', over, { signal: listening.signal });
    });
    try {
      return await this.#passing(Promise.race([work, end]));
    } finally {
      listening.abort();
    }
  }

  #undoing() {
    const inverses = { ...kernelInverses(this.world), ...vfioInverses(this.world) };
    return {
      book: this.#book,
      attempt: undoAttempt(inverses, this.clock),
      admit: (owed: ReadonlyMap<string, readonly Owed[]>) => void this.owed.push(...[...owed.values()].flat()),
    };
  }

  #makeWorld(): VfioWorld {
    return {
      pci: this.node.bus,
      namespaces: this.node.namespaces,
      held: new HeldNamespaces(),
      clock: this.clock,
      resetVfs: true,
      access: this.node.deviceAccess,
      vfio: this.node.vfio,
      grants: new SharedChanges(),
      bound: new SharedChanges(),
      isOffered: () => true,
      afterUse: 'return',
      noIommuAllowed: false,
      ...this.#settings,
    };
  }
}

/** The process has crashed. */
export class ProcessEnded extends Error {}

/** Kinds of what a ledger holds, oldest first. */
export function kinds(entries: readonly Entry[]): readonly string[] {
  return entries.map(({ kind }) => kind);
}
