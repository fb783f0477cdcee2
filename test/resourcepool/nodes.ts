import fc from 'fast-check';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import type { Owner } from '../../src/resourcepool/claim.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { parseTokenId, type TokenId } from '../../src/resourcepool/token-id.js';
import type { PoolOptions } from '../../src/resourcepool/token-lots.js';

/** A VF as the tests write it: its address, its IOMMU group if it has one, and `pf` when the PF is in there too. */
export type VfRow = readonly [address: string, group?: number, withPf?: 'pf'];

/** A PF as the tests write it: its short address, its names, its VFs. */
export type PfRow = readonly [address: string, names: readonly string[], vfs: readonly VfRow[]];

export const pci = (text: string): PciAddress => parsePciAddress(text);
export const owner = (text: string): Owner => text as Owner;

/** A catalogue from rows. */
export function catalogueOf(...rows: readonly PfRow[]): Catalogue {
  return {
    physicalFunctions: rows.map(([address, names, vfs]) => ({
      address: pci(address),
      names,
      virtualFunctions: vfs.map(([vf, iommuGroup, withPf]) => ({
        address: pci(vf),
        ...(iommuGroup !== undefined && { iommuGroup }),
        groupHasPhysicalFunction: withPf === 'pf',
      })),
    })),
  };
}

/** A token id that tells its number. */
export function tokenId(number: number): TokenId {
  return parseTokenId(`sriov-00000000-0000-4000-8000-${String(number).padStart(12, '0')}`);
}

/** A source of the ids 1, 2, 3, … */
export function countingIds(): () => TokenId {
  let last = 0;
  return () => tokenId(++last);
}

export function poolOf(...rows: readonly PfRow[]): ResourcePool {
  return poolWith({}, ...rows);
}

export function poolWith(options: PoolOptions, ...rows: readonly PfRow[]): ResourcePool {
  return new ResourcePool(catalogueOf(...rows), countingIds(), options);
}

/** The id of the `index`th token of a name. */
export function idOf(pool: ResourcePool, name: string, index = 0): TokenId {
  const token = pool.tokens(name)[index];
  if (token === undefined) throw new Error(`the test expects at least ${index + 1} tokens of ${name}`);
  return token.id;
}

/** Allocates the `index`th token of a name and returns its id. */
export function allocated(pool: ResourcePool, name: string, index = 0): TokenId {
  const id = idOf(pool, name, index);
  pool.allocate([id]);
  return id;
}

/** Everything that can be seen of a pool. */
export function snapshot(pool: ResourcePool) {
  const tokens = pool.names().flatMap((name) => pool.tokens(name));
  return { tokens, functions: pool.functions(), report: pool.report() };
}

export type Snapshot = ReturnType<typeof snapshot>;

export const names = ['d/intel', 'd/10G', 'd/20G', 'e/intel'];

/** Small nodes of every make: groups shared, lone, across PFs, with the PF, none at all; addresses interleaved. */
export const anyCatalogue: fc.Arbitrary<Catalogue> = fc
  .array(
    fc.record({
      names: fc.subarray(names, { minLength: 1 }),
      vfs: fc.array(
        fc.record({
          group: fc.option(fc.nat({ max: 4 }), { nil: undefined }),
          withPf: fc.boolean().map((yes) => (yes ? ('pf' as const) : undefined)),
          domain: fc.constantFrom('0000', '0000', '10000'),
          device: fc.nat({ max: 31 }),
        }),
        { maxLength: 5 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((pfs) =>
    catalogueOf(
      ...pfs.map(
        (pf, p): PfRow => [
          `0${p}:00.0`,
          pf.names,
          pf.vfs.map(({ group, withPf, domain, device }, v): VfRow => {
            const address = `${domain}:8${v}:${device.toString(16).padStart(2, '0')}.${p + 1}`;
            return group === undefined ? [address] : group === 0 && withPf ? [address, 0, 'pf'] : [address, group];
          }),
        ],
      ),
    ),
  );
