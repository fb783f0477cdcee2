/**
 * What claim and release cost on nodes of 1, 4 and 32 PFs with 256 VFs and 8 names each, and how much memory the
 * largest node takes. Every node is measured at half its VFs taken, all PFs offering the same names: the case in which
 * most PFs compete and most tokens are closed.
 *
 * Run: node --expose-gc --import tsx bench/resource-pool.bench.ts
 */
import { randomUUID } from 'node:crypto';
import { type PciAddress, parsePciAddress } from '../src/ports/pci-address.js';
import type { Catalogue, PoolFunction, PoolPhysicalFunction } from '../src/resourcepool/catalogue.js';
import type { Owner } from '../src/resourcepool/claim.js';
import { ResourcePool } from '../src/resourcepool/resource-pool.js';
import { parseTokenId, type TokenId } from '../src/resourcepool/token-id.js';
import { heapInUse, measure, printTable, type Round } from './measure.js';

const vfsPerPf = 256;
const names = Array.from({ length: 8 }, (_, index) => `bench.domain/capability-${index}`);
const owner = 'a connection' as Owner;
const operations = 64;
const rounds = 400;

/** How IOMMU groups lie; `names apart`: a group each, and no two names are offered by the same PFs. */
type Layout = 'a group each' | 'a group per PF' | 'no IOMMU' | 'names apart';

interface Node {
  readonly pfs: number;
  readonly layout: Layout;
}

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function createCatalogue({ pfs, layout }: Node): Catalogue {
  const group = (pf: number, vf: number) =>
    layout === 'no IOMMU' ? {} : { iommuGroup: layout === 'a group per PF' ? pf : pf * vfsPerPf + vf };
  // A PF without VFs costs nothing, but names that it alone offers in addition cannot share the index of the others.
  const empty = layout === 'names apart' ? names : [];
  const emptyPfs = empty.map((name, index) => ({
    address: parsePciAddress(`0002:${hex(index)}:00.0`),
    names: [name],
    virtualFunctions: [],
  }));
  return {
    physicalFunctions: Array.from(
      { length: pfs },
      (_, pf): PoolPhysicalFunction => ({
        address: parsePciAddress(`${hex(pf)}:00.0`),
        names,
        virtualFunctions: Array.from(
          { length: vfsPerPf },
          (_, vf): PoolFunction => ({
            address: parsePciAddress(`0001:${hex(pf * 4 + (vf >> 6))}:${hex((vf >> 3) & 7)}.${vf & 7}`),
            ...group(pf, vf),
            groupHasPhysicalFunction: false,
          }),
        ),
      }),
    ).concat(emptyPfs),
  };
}

function createPool(node: Node): ResourcePool {
  return new ResourcePool(createCatalogue(node), () => parseTokenId(`sriov-${randomUUID()}`));
}

/** As many tokens as VFs, the names in turn: claiming all of them closes exactly the rest. */
function allocateOnePerVf(pool: ResourcePool, node: Node): TokenId[] {
  const perName = (node.pfs * vfsPerPf) / names.length;
  const byName = names.map((name) => pool.tokens(name).map(({ id }) => id));
  const ids = Array.from({ length: perName }, (_, index) => byName.flatMap((tokens) => tokens[index] ?? [])).flat();
  pool.allocate(ids);
  return ids;
}

/** A node with half of its VFs taken, whose rounds claim 64 of the others and release them. */
function createSubject(node: Node): Round<'claim' | 'release'> {
  const pool = createPool(node);
  const ids = allocateOnePerVf(pool, node);
  const claimed = new Map<TokenId, PciAddress>();
  const claim = (token: TokenId) => claimed.set(token, pool.claim({ token, owner, driver: 'kernel' }).function);
  const release = (token: TokenId) => pool.release(claimed.get(token) as PciAddress, owner);
  for (const id of ids.slice(0, ids.length / 2)) claim(id);
  let next = 0;
  return (time) => {
    const waiting = ids.length / 2;
    const chosen = Array.from({ length: operations }, () => ids[waiting + (next++ % waiting)] as TokenId);
    time('claim', () => chosen.forEach(claim));
    time('release', () => chosen.forEach(release));
  };
}

function measureHeap(node: Node): number {
  const before = heapInUse();
  const pool = createPool(node);
  for (const token of allocateOnePerVf(pool, node)) pool.claim({ token, owner, driver: 'kernel' });
  const grown = heapInUse() - before;
  if (pool.names().length !== names.length) throw new Error('the pool must be alive until it has been weighed');
  return grown;
}

function benchLayout(layout: Layout): string[][] {
  const nodes = [1, 4, 32].map((pfs): Node => ({ pfs, layout }));
  const costs = measure({ kinds: ['claim', 'release'], rounds, operations }, nodes.map(createSubject));
  const base = costs[0];
  return nodes.map((node, index) => {
    const cost = costs[index];
    if (base === undefined || cost === undefined) throw new Error('every node has its cost');
    const cells = (['claim', 'release'] as const).flatMap((kind) => [
      `${(cost[kind].median / 1000).toFixed(2)} us`,
      `${(cost[kind].worst / 1000).toFixed(2)} us`,
      `x ${(cost[kind].median / base[kind].median).toFixed(2)}`,
    ]);
    return [layout, `${node.pfs}`, `${node.pfs * vfsPerPf}`, ...cells];
  });
}

// The heap first, while it is the only pool that was ever made.
const heap = measureHeap({ pfs: 32, layout: 'a group each' });
const layouts: readonly Layout[] = ['a group each', 'a group per PF', 'no IOMMU', 'names apart'];
console.log(
  `claim and release of a function, ${names.length} names on every PF, half of the VFs taken; ratios to 1 PF:\n`,
);
printTable(['IOMMU', 'PFs', 'VFs', 'claim', 'p99', 'ratio', 'release', 'p99', 'ratio'], layouts.flatMap(benchLayout));
console.log(`\nheap of 32 PFs, all VFs claimed: ${(heap / 1e6).toFixed(1)} MB (limit 50)`);
