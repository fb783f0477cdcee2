import type { PciAddress } from '../ports/pci-address.js';
import type { DriverType } from './driver-type.js';
import { type Inventory, type Lot, type PhysicalFunction, rankOfLot, type VirtualFunction } from './inventory.js';
import { canJoin, canServe, pin, type Shelf, shelfOf, unpin } from './iommu-group.js';
import { OrderedHeap } from './ordered-heap.js';

/** The PFs that compete for the claims under a name, per shelf. */
type Rivals = Readonly<Record<Shelf, OrderedHeap<PhysicalFunction>>>;

const shelves: readonly Shelf[] = ['kernel', 'vfio-pci', 'undecided', 'kernel-only'];

/** Where to look, best first: groups that have the driver already leave the undecided ones to the other driver. */
const preference: Readonly<Record<DriverType, readonly (readonly Shelf[])[]>> = {
  kernel: [['kernel'], ['undecided', 'kernel-only']],
  'vfio-pci': [['vfio-pci'], ['undecided']],
};

/**
 * The free functions, indexed so that the best one for a name and a driver is found, taken and given back in O(log n).
 * Three layers of heaps, each ordered by the top of the one below: the functions of a lot by address; the lots of a PF,
 * per shelf, by their lowest free function; and the PFs that offer a name, per shelf. Names that the same PFs offer
 * share the last one.
 *
 * Pinning a group and unpinning it moves its lots to another shelf: one step for each PF that the group spans.
 */
export class FreeFunctions {
  readonly #inventory: Inventory;
  readonly #byName = new Map<string, Rivals>();
  readonly #byPhysicalFunction = new Map<PhysicalFunction, ReadonlySet<Rivals>>();

  /** Starts with the functions that are free in the inventory. */
  constructor(inventory: Inventory) {
    this.#inventory = inventory;
    this.#pitRivals(inventory.physicalFunctions);
    for (const vf of inventory.functions.values()) if (vf.state.kind === 'free') this.put(vf);
  }

  /**
   * The best free function under a name: (a) in a group that has the driver already, (b) on the PF `home` if one is
   * named, otherwise on the PF with the most free functions, (c) with the lowest address. Undefined when no group allows
   * the driver.
   */
  choose(name: string, driver: DriverType, home?: PciAddress): VirtualFunction | undefined {
    const rivals = this.#byName.get(name);
    if (rivals === undefined) return undefined;
    const atHome =
      home && this.#inventory.physicalFunctions.find((pf) => pf.address === home && pf.names.includes(name));
    for (const equallyGood of preference[driver]) {
      const best =
        firstOf(equallyGood.flatMap((shelf) => lowestOf(atHome, shelf))) ??
        firstOf(equallyGood.flatMap((shelf) => lowestOf(rivals[shelf].first, shelf)));
      if (best !== undefined) return best;
    }
    return undefined;
  }

  /** True when this very function is nobody's and can have the driver. */
  has({ state, lot }: VirtualFunction, driver: DriverType): boolean {
    return (state.kind === 'free' || state.kind === 'withheld') && canJoin(lot.group, driver);
  }

  /** How many free functions there are under a name, whatever their groups allow. */
  count(name: string): number {
    const offering = this.#inventory.physicalFunctions.filter(({ names }) => names.includes(name));
    return offering.reduce((sum, { free }) => sum + free, 0);
  }

  /** Takes a function, and pins its group when it gets a driver. */
  take(vf: VirtualFunction, driver?: DriverType): void {
    const { lot, physicalFunction } = vf;
    lot.free.delete(vf);
    physicalFunction.free--;
    if (driver !== undefined && lot.group !== undefined) pin(lot.group, driver);
    this.#settle(lot);
  }

  /** Gives a function back, and lets go of its group if the function had pinned it. */
  put(vf: VirtualFunction, driver?: DriverType): void {
    const { lot, physicalFunction } = vf;
    lot.free.put(vf);
    physicalFunction.free++;
    if (driver !== undefined && lot.group !== undefined) unpin(lot.group);
    this.#settle(lot);
  }

  /**
   * Changes the driver of a taken function where it is.
   *
   * @returns false, and nothing changed, when its group cannot have the driver or other functions pin it
   */
  repin(vf: VirtualFunction, driver: DriverType): boolean {
    const { lot } = vf;
    if (!canServe(lot.group, driver)) return false;
    if (lot.group === undefined) return true;
    if (lot.group.state.kind === 'pinned' && lot.group.state.members > 1) return false;
    unpin(lot.group);
    pin(lot.group, driver);
    this.#settle(lot);
    return true;
  }

  /**
   * Puts the lot where it belongs now, and the others of its group if the group moved to another shelf. The lot goes
   * first: a heap must not be changed while another of its members is out of order.
   */
  #settle(lot: Lot): void {
    const shelf = shelfOf(lot.group);
    const moved = lot.shelf !== shelf;
    this.#shelve(lot, shelf);
    if (!moved || lot.group === undefined) return;
    for (const other of this.#inventory.lots.get(lot.group) ?? []) if (other !== lot) this.#shelve(other, shelf);
  }

  #shelve(lot: Lot, shelf: Shelf): void {
    const pf = lot.physicalFunction;
    if (lot.shelf !== shelf || lot.free.size === 0) pf.shelves[lot.shelf].delete(lot);
    lot.shelf = shelf;
    if (lot.free.size > 0) pf.shelves[shelf].put(lot);
    for (const rivals of this.#byPhysicalFunction.get(pf) ?? []) place(pf, rivals);
  }

  #pitRivals(physicalFunctions: readonly PhysicalFunction[]): void {
    const byOffering = new Map<string, Rivals>();
    for (const name of new Set(physicalFunctions.flatMap((pf) => pf.names))) {
      const offering = physicalFunctions.filter((pf) => pf.names.includes(name));
      const key = offering.map((pf) => pf.address).join();
      const rivals = byOffering.get(key) ?? createRivals();
      byOffering.set(key, rivals);
      this.#byName.set(name, rivals);
    }
    for (const pf of physicalFunctions) {
      this.#byPhysicalFunction.set(pf, new Set(pf.names.flatMap((name) => this.#byName.get(name) ?? [])));
    }
  }
}

/** Puts the PF among its rivals where it belongs now, on every shelf on which it has free functions. */
function place(pf: PhysicalFunction, rivals: Rivals): void {
  for (const shelf of shelves) {
    if (pf.shelves[shelf].size === 0) rivals[shelf].delete(pf);
    else rivals[shelf].put(pf);
  }
}

function createRivals(): Rivals {
  const heap = (shelf: Shelf) =>
    new OrderedHeap<PhysicalFunction>(
      (a, b) => b.free - a.free || rankOfLot(a.shelves[shelf].first) - rankOfLot(b.shelves[shelf].first),
    );
  return {
    kernel: heap('kernel'),
    'vfio-pci': heap('vfio-pci'),
    undecided: heap('undecided'),
    'kernel-only': heap('kernel-only'),
  };
}

/** The function with the lowest address that a PF has on a shelf. */
function lowestOf(pf: PhysicalFunction | undefined, shelf: Shelf): VirtualFunction[] {
  const lowest = pf?.shelves[shelf].first?.free.first;
  return lowest === undefined ? [] : [lowest];
}

function firstOf(candidates: readonly VirtualFunction[]): VirtualFunction | undefined {
  const [first] = [...candidates].sort((a, b) => b.physicalFunction.free - a.physicalFunction.free || a.rank - b.rank);
  return first;
}
