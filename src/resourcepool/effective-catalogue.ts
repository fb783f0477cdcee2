import type { PciAddress } from '../ports/pci-address.js';
import { type Catalogue, type PoolFunction, type PoolPhysicalFunction, vfIndexAt } from './catalogue.js';

/** A function that somebody has, where it sits. */
export interface HeldFunction {
  readonly physicalFunction: PciAddress;
  readonly vfIndex: number;
  readonly entry: PoolFunction;
}

/** What there is while some of what is no longer wanted is still held. */
export interface EffectiveCatalogue {
  readonly catalogue: Catalogue;
  /** Functions in it that are not offered any more. */
  readonly leaving: ReadonlySet<PciAddress>;
}

/**
 * The wanted catalogue with what is held and not in it, or there in another place: such a function stays what it is until
 * nobody has it, and whatever is wanted at its address comes after that.
 */
export function effectiveCatalogue(wanted: Catalogue, held: readonly HeldFunction[]): EffectiveCatalogue {
  const places = placesOf(wanted);
  const leaving = held.filter((it) => places.get(it.entry.address) !== placeOf(it));
  const gone = new Set(leaving.map(({ entry }) => entry.address));
  const left = (pf: PciAddress) =>
    leaving.filter((it) => it.physicalFunction === pf).map(({ entry, vfIndex }) => ({ ...entry, vfIndex }));
  const staying = wanted.physicalFunctions.map(
    (pf): PoolPhysicalFunction => ({
      ...pf,
      virtualFunctions: [...numbered(pf).filter(({ address }) => !gone.has(address)), ...left(pf.address)],
    }),
  );
  const known = new Set(wanted.physicalFunctions.map(({ address }) => address));
  const others = new Set(leaving.map((it) => it.physicalFunction).filter((address) => !known.has(address)));
  const departed = [...others].map((address) => ({ address, names: [], virtualFunctions: left(address) }));
  return { catalogue: { physicalFunctions: [...staying, ...departed] }, leaving: gone };
}

/** Where a function sits and with whom, as text: a function elsewhere is another one. */
export function placeOf({ physicalFunction, vfIndex, entry }: HeldFunction): string {
  return `${physicalFunction} ${vfIndex} ${entry.iommuGroup ?? 'no group'}`;
}

function placesOf(catalogue: Catalogue): ReadonlyMap<PciAddress, string> {
  const places = new Map<PciAddress, string>();
  for (const pf of catalogue.physicalFunctions) {
    for (const entry of numbered(pf))
      places.set(entry.address, placeOf({ physicalFunction: pf.address, ...entry, entry }));
  }
  return places;
}

function numbered(pf: PoolPhysicalFunction): (PoolFunction & { readonly vfIndex: number })[] {
  return pf.virtualFunctions.map((vf, position) => ({ ...vf, vfIndex: vfIndexAt(pf, position) }));
}
