import { toForwarderError } from '../ports/error.js';
import type { Namespaces } from '../ports/links.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { PciBus, Provisioning } from '../ports/pci-bus.js';
import type { Catalogue } from '../resourcepool/catalogue.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { PciConfig, PhysicalFunctionConfig } from '../settings/pci-config/pci-config.js';
import { readPciConfig } from '../settings/pci-config/read-pci-config.js';
import { buildCatalogue } from './build-catalogue.js';
import { provision } from './provision.js';

/** What following a configuration works with. */
export interface ConfigFollowerParts {
  /** NSM_SRIOV_CONFIG_FILE. */
  readonly file: string;
  /** What was read at start. */
  readonly config: PciConfig;
  readonly pool: Pick<ResourcePool, 'amend' | 'names' | 'functions'>;
  /** The driver of each PF's VFs; those of new PFs are added. */
  readonly kernelDrivers: Map<PciAddress, string>;
  readonly pci: PciBus;
  readonly provisioning: Provisioning;
  readonly namespaces: Namespaces;
  /** NSM_VFIO_NO_IOMMU; off unless told. */
  readonly noIommuAllowed?: boolean;
  /** NSM_CREATE_VFS. */
  readonly createVfs: 'max' | 'none';
  readonly log: Log;
  /** Told of VFs that were not offered before. */
  readonly onAdded: (functions: readonly PciAddress[]) => Promise<void>;
}

/** The VFs that each PF has at this moment; undefined for a PF that is not there. */
type Present = ReadonlyMap<PciAddress, readonly PciAddress[] | undefined>;

/**
 * Keeps the pool true to the configuration file and to the VFs that there are. A file that cannot be used, or that names
 * what the node does not have, changes nothing and is reported once. What somebody else does to the VFs of a PF is
 * followed without complaint: they may be made and removed, and a card may be pulled.
 */
export class ConfigFollower {
  readonly #parts: ConfigFollowerParts;
  #config: PciConfig;
  #counts: string | undefined;
  #present: string | undefined;
  #complaint: string | undefined;

  constructor(parts: ConfigFollowerParts) {
    this.#parts = parts;
    this.#config = parts.config;
  }

  /** Looks at the file and at the node once, and does what follows from it; never rejects. */
  look(signal: AbortSignal): Promise<void> {
    return this.#try(async () => {
      await this.#followFile(signal);
      await this.#followFunctions();
    }, signal);
  }

  /** The same of the file alone. */
  lookAtFile(signal: AbortSignal): Promise<void> {
    return this.#try(() => this.#followFile(signal), signal);
  }

  async #try(look: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await look();
    } catch (thrown) {
      if (signal.aborted) return;
      this.#parts.log.debug('the configuration could not be compared with the node', {
        reason: toForwarderError(thrown).message,
      });
    }
  }

  async #followFile(signal: AbortSignal): Promise<void> {
    const { file, log } = this.#parts;
    const reading = await readPciConfig(file, signal);
    if (!reading.ok) return this.#complain(reading.error.message);
    const config = reading.value;
    if (JSON.stringify(config) === JSON.stringify(this.#config)) return this.#complain(undefined);
    try {
      await provision({ physicalFunctions: this.#toProvision(config) }, this.#parts, signal);
      const catalogue = await buildCatalogue(config, this.#parts);
      const present = JSON.stringify([...(await this.#look(config))]);
      this.#config = config;
      this.#present = present;
      this.#complain(undefined);
      for (const warning of reading.warnings) log.warn(warning);
      await this.#amend(catalogue, 'the configuration has changed');
    } catch (thrown) {
      signal.throwIfAborted();
      this.#complain(toForwarderError(thrown).message);
    }
  }

  /** PFs get VFs when the file begins to ask for them, not when somebody takes them away later. */
  #toProvision({ physicalFunctions }: PciConfig): PhysicalFunctionConfig[] {
    const before = new Map(this.#config.physicalFunctions.map((pf) => [pf.address, pf]));
    return physicalFunctions.filter((pf) => {
      const former = before.get(pf.address);
      return former === undefined || (pf.numVfs !== undefined && pf.numVfs !== former.numVfs);
    });
  }

  /** Numbers first: reading the links of thousands of VFs every few seconds would hold up the event loop. */
  async #followFunctions(): Promise<void> {
    const counted = await this.#count(this.#config);
    const counts = JSON.stringify([...counted]);
    if (counts === this.#counts) return;
    const found = await this.#look(this.#config);
    await this.#follow(found);
    // The number may be written before, or after, the VFs are made.
    const agree = [...found].every(([pf, functions]) => functions?.length === counted.get(pf));
    this.#counts = agree ? counts : undefined;
  }

  async #follow(found: Present): Promise<void> {
    const present = JSON.stringify([...found]);
    const first = this.#present === undefined;
    if (present === this.#present) return;
    const { physicalFunctions } = this.#config;
    const there = physicalFunctions.flatMap((pf) => {
      const functions = found.get(pf.address);
      if (functions === undefined) return [];
      return [{ ...pf, virtualFunctions: pf.virtualFunctions?.filter((vf) => functions.includes(vf)) }];
    });
    const catalogue = await buildCatalogue({ physicalFunctions: there }, this.#parts);
    const absent = physicalFunctions.filter((pf) => found.get(pf.address) === undefined);
    const empty = absent.map(({ address, tokenNames }) => ({ address, names: tokenNames, virtualFunctions: [] }));
    this.#present = present;
    const why = first ? undefined : 'the VFs of the node have changed';
    await this.#amend({ physicalFunctions: [...catalogue.physicalFunctions, ...empty] }, why);
  }

  #look({ physicalFunctions }: PciConfig): Promise<Present> {
    return ofEach(physicalFunctions, (pf) => this.#parts.pci.virtualFunctions(pf));
  }

  #count({ physicalFunctions }: PciConfig): Promise<ReadonlyMap<PciAddress, number | undefined>> {
    return ofEach(physicalFunctions, async (pf) => (await this.#parts.provisioning.vfCount(pf)).current);
  }

  /** @param why absent when nothing is new as far as is known */
  async #amend(catalogue: Catalogue, why: string | undefined): Promise<void> {
    const { pool, kernelDrivers, log, onAdded } = this.#parts;
    const before = new Set(pool.functions().map(({ address }) => address));
    for (const { address, vfKernelDriver } of this.#config.physicalFunctions)
      kernelDrivers.set(address, vfKernelDriver);
    pool.amend(catalogue);
    const after = pool.functions().map(({ address }) => address);
    const added = after.filter((address) => !before.has(address));
    const gone = before.size + added.length - after.length;
    if (why !== undefined || added.length + gone > 0) {
      log.info(why ?? 'the VFs of the node have changed', { added: added.length, gone, resources: pool.names() });
    }
    if (added.length > 0) await onAdded(added);
  }

  /** What is wrong is said once; undefined: nothing is. */
  #complain(complaint: string | undefined): void {
    if (complaint === this.#complaint) return;
    this.#complaint = complaint;
    const { log } = this.#parts;
    if (complaint === undefined) log.info('the configuration is usable again');
    else log.error(`the configuration has changed and cannot be followed, nothing changes: ${complaint}`);
  }
}

/** What reading each PF gives, one after the other; undefined for one that is not there or has nothing of the kind. */
async function ofEach<T>(
  physicalFunctions: readonly PhysicalFunctionConfig[],
  read: (address: PciAddress) => Promise<T>,
): Promise<ReadonlyMap<PciAddress, T | undefined>> {
  const found = new Map<PciAddress, T | undefined>();
  for (const { address } of physicalFunctions) {
    const reading = read(address).catch((thrown: unknown) => {
      if (['not-found', 'unsupported'].includes(toForwarderError(thrown).kind)) return undefined;
      throw thrown;
    });
    found.set(address, await reading);
  }
  return found;
}
