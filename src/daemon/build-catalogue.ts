import { ForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { FunctionFacts, PciBus } from '../ports/pci-bus.js';
import type { Catalogue, PoolFunction, PoolPhysicalFunction } from '../resourcepool/catalogue.js';
import type { PciConfig, PhysicalFunctionConfig } from '../settings/pci-config/pci-config.js';

/** How many functions are read at a time. */
const batch = 32;

/** What is read to know what there is. */
export interface CatalogueParts {
  readonly pci: PciBus;
  readonly log: Log;
  /** VFs without an IOMMU may serve VFIO. */
  readonly noIommuAllowed?: boolean;
}

/** A PF with its offered VFs, as read. */
interface ReadPhysicalFunction {
  readonly config: PhysicalFunctionConfig;
  readonly facts: FunctionFacts;
  readonly virtualFunctions: readonly ReadVirtualFunction[];
}

interface ReadVirtualFunction {
  readonly facts: FunctionFacts;
  readonly vfIndex: number;
  readonly numaNode?: number;
}

/**
 * The catalogue of all VFs that the configuration offers, as the PCI tree has them now.
 *
 * @throws ForwarderError naming the PF or VF that the configuration lists and the node does not have
 */
export async function buildCatalogue(
  config: PciConfig,
  { pci, log, noIommuAllowed = false }: CatalogueParts,
): Promise<Catalogue> {
  const read: ReadPhysicalFunction[] = [];
  for (const pf of config.physicalFunctions) read.push(await readPhysicalFunction(pf, pci));
  for (const pf of read) reportDriver(pf, log);
  const groups = new Set(read.map((pf) => pf.facts.iommuGroup).filter((group) => group !== undefined));
  return { physicalFunctions: read.map((pf) => catalogued(pf, { groups, noIommuAllowed })) };
}

async function readPhysicalFunction(config: PhysicalFunctionConfig, pci: PciBus): Promise<ReadPhysicalFunction> {
  const all = (await pci.virtualFunctions(config.address)).map((address, vfIndex) => ({ address, vfIndex }));
  const offered = config.virtualFunctions === undefined ? undefined : new Set(config.virtualFunctions);
  refuseMissing(config, new Set(all.map((it) => it.address)));
  const wanted = all.filter(({ address }) => offered === undefined || offered.has(address));
  const virtualFunctions: ReadVirtualFunction[] = [];
  for (let start = 0; start < wanted.length; start += batch) {
    const part = wanted.slice(start, start + batch);
    virtualFunctions.push(...(await Promise.all(part.map((vf) => readVirtualFunction(vf, pci)))));
  }
  return { config, facts: await pci.facts(config.address), virtualFunctions };
}

async function readVirtualFunction(
  { address, vfIndex }: { readonly address: PciAddress; readonly vfIndex: number },
  pci: PciBus,
): Promise<ReadVirtualFunction> {
  const numaNode = await pci.numaNode(address);
  return { facts: await pci.facts(address), vfIndex, ...(numaNode !== undefined && { numaNode }) };
}

function refuseMissing(
  { address, virtualFunctions = [], where }: PhysicalFunctionConfig,
  present: Set<PciAddress>,
): void {
  const missing = virtualFunctions.filter((vf) => !present.has(vf));
  if (missing.length === 0) return;
  throw new ForwarderError('not-found', `${where}: PF ${address} has no VF ${missing.join(', ')}`);
}

/** A driver other than configured is told, never changed: the PF's driver owns the VFs. */
function reportDriver({ config, facts }: ReadPhysicalFunction, log: Log): void {
  if (facts.driver === config.pfKernelDriver) return;
  log.warn('PF has another driver than configured, it is left alone', {
    physicalFunction: config.address,
    driver: facts.driver,
    configured: config.pfKernelDriver,
  });
}

interface Rules {
  /** Those of PFs. */
  readonly groups: ReadonlySet<number>;
  readonly noIommuAllowed: boolean;
}

function catalogued(pf: ReadPhysicalFunction, { groups, noIommuAllowed }: Rules): PoolPhysicalFunction {
  // Where the PF has no group there is no IOMMU: a VF's is made up while vfio-pci has it, and says nothing.
  const hasIommu = pf.facts.iommuGroup !== undefined;
  return {
    address: pf.config.address,
    names: pf.config.tokenNames,
    virtualFunctions: pf.virtualFunctions.map(({ facts, vfIndex, numaNode }): PoolFunction => {
      const { address } = facts;
      const iommuGroup = hasIommu ? facts.iommuGroup : undefined;
      const groupHasPhysicalFunction = iommuGroup !== undefined && groups.has(iommuGroup);
      return {
        address,
        vfIndex,
        ...(iommuGroup !== undefined && { iommuGroup }),
        ...(iommuGroup === undefined && noIommuAllowed && { vfioWithoutGroup: true }),
        ...(numaNode !== undefined && { numaNode }),
        groupHasPhysicalFunction,
      };
    }),
  };
}
