import { comparePciAddress, type PciAddress } from '../ports/pci-address.js';
import { type Catalogue, type PoolFunction, type PoolPhysicalFunction, vfIndexAt } from './catalogue.js';
import type { FunctionState } from './function-state.js';
import type { IommuGroup, Shelf } from './iommu-group.js';
import { OrderedHeap } from './ordered-heap.js';

/** A function of the pool: where it sits, and what is happening to it. */
export interface VirtualFunction {
  readonly address: PciAddress;
  readonly vfIndex: number;
  /** Position among all functions of the node in the numeric order of their addresses. */
  readonly rank: number;
  readonly physicalFunction: PhysicalFunction;
  readonly lot: Lot;
  /** As the catalogue has it. */
  readonly entry: PoolFunction;
  /** It is no longer offered, and goes as soon as nobody has it. */
  readonly leaving: boolean;
  state: FunctionState;
}

/** The functions of one PF that share an IOMMU group, or share having none: they change shelves together. */
export interface Lot {
  readonly physicalFunction: PhysicalFunction;
  readonly group: IommuGroup | undefined;
  readonly free: OrderedHeap<VirtualFunction>;
  /** Where the lot stands while it has free functions. */
  shelf: Shelf;
}

/** A PF with its free functions, sorted into shelves. */
export interface PhysicalFunction {
  readonly address: PciAddress;
  readonly names: readonly string[];
  readonly total: number;
  free: number;
  /** Why it serves nobody at present, for people. */
  withheld: string | undefined;
  readonly shelves: Readonly<Record<Shelf, OrderedHeap<Lot>>>;
}

/** Everything that a node has, built once for a catalogue; only states change afterwards. */
export interface Inventory {
  readonly physicalFunctions: readonly PhysicalFunction[];
  readonly functions: ReadonlyMap<PciAddress, VirtualFunction>;
  /** The lots of every group: a group may span PFs. */
  readonly lots: ReadonlyMap<IommuGroup, readonly Lot[]>;
}

/** The names under which a function is offered. */
export function namesOf({ leaving, physicalFunction }: VirtualFunction): readonly string[] {
  return leaving ? [] : physicalFunction.names;
}

/** The address rank of the lowest free function of a lot; after all others when it has none. */
export function rankOfLot(lot: Lot | undefined): number {
  return lot?.free.first?.rank ?? Number.POSITIVE_INFINITY;
}

/**
 * Builds the inventory of a valid catalogue. All shelves are empty: putting the free functions there comes next.
 *
 * @param leaving functions of it that are no longer offered
 */
export function createInventory(catalogue: Catalogue, leaving: ReadonlySet<PciAddress> = new Set()): Inventory {
  const ranks = rankFunctions(catalogue);
  const groups = createGroups(catalogue);
  const functions = new Map<PciAddress, VirtualFunction>();
  const lots = new Map<IommuGroup, readonly Lot[]>();
  const physicalFunctions = catalogue.physicalFunctions.map((entry) => {
    const physicalFunction = createPhysicalFunction(entry);
    const ownLots = new Map<IommuGroup | undefined, Lot>();
    for (const [position, vf] of entry.virtualFunctions.entries()) {
      const { address } = vf;
      const vfIndex = vfIndexAt(entry, position);
      const group = groupOf(vf, groups);
      const lot = ownLots.get(group) ?? createLot(physicalFunction, group);
      ownLots.set(group, lot);
      const rank = ranks.get(address) ?? Number.POSITIVE_INFINITY;
      const place = { address, vfIndex, rank, physicalFunction, lot, entry: vf, leaving: leaving.has(address) };
      functions.set(address, { ...place, state: { kind: 'free' } });
    }
    for (const [group, lot] of ownLots) if (group !== undefined) lots.set(group, [...(lots.get(group) ?? []), lot]);
    return physicalFunction;
  });
  return { physicalFunctions, functions, lots };
}

function allFunctions(catalogue: Catalogue): PoolFunction[] {
  return catalogue.physicalFunctions.flatMap((pf) => pf.virtualFunctions);
}

function rankFunctions(catalogue: Catalogue): Map<PciAddress, number> {
  const addresses = allFunctions(catalogue).map(({ address }) => address);
  return new Map(addresses.sort(comparePciAddress).map((address, rank) => [address, rank]));
}

/** One function that sees the PF in its group is enough: the fact is the group's. */
function createGroups(catalogue: Catalogue): Map<number, IommuGroup> {
  const groups = new Map<number, IommuGroup>();
  for (const { iommuGroup: number, groupHasPhysicalFunction } of allFunctions(catalogue)) {
    if (number === undefined) continue;
    const hasPhysicalFunction = groupHasPhysicalFunction || (groups.get(number)?.hasPhysicalFunction ?? false);
    groups.set(number, { number, hasPhysicalFunction, state: { kind: 'undecided' } });
  }
  return groups;
}

function groupOf(vf: PoolFunction, groups: ReadonlyMap<number, IommuGroup>): IommuGroup | undefined {
  if (vf.iommuGroup !== undefined) return groups.get(vf.iommuGroup);
  if (vf.vfioWithoutGroup !== true) return undefined;
  return { number: undefined, hasPhysicalFunction: false, state: { kind: 'undecided' } };
}

function createPhysicalFunction({ address, names, virtualFunctions }: PoolPhysicalFunction): PhysicalFunction {
  const shelf = () => new OrderedHeap<Lot>((a, b) => rankOfLot(a) - rankOfLot(b));
  const shelves = { kernel: shelf(), 'vfio-pci': shelf(), undecided: shelf(), 'kernel-only': shelf() };
  return { address, names: [...names], total: virtualFunctions.length, free: 0, withheld: undefined, shelves };
}

function createLot(physicalFunction: PhysicalFunction, group: IommuGroup | undefined): Lot {
  const free = new OrderedHeap<VirtualFunction>((a, b) => a.rank - b.rank);
  return { physicalFunction, group, free, shelf: 'undecided' };
}
