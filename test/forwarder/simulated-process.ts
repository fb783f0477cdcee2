import { buildCatalogue } from '../../src/daemon/build-catalogue.js';
import { functionsFromPool } from '../../src/daemon/functions-from-pool.js';
import type { TokenDoor } from '../../src/forwarder/elements/claim-function.js';
import { createForwarder, type Forwarder, type TakeOverReport } from '../../src/forwarder/forwarder.js';
import { rememberedTokens } from '../../src/forwarder/recovery/remembered-tokens.js';
import type { VfioOutside } from '../../src/forwarder/vfio.js';
import type { TokenIssuer } from '../../src/ports/identity.js';
import type { Log } from '../../src/ports/log.js';
import { noTelemetry } from '../../src/ports/telemetry.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import type { PhysicalFunctionConfig } from '../../src/settings/pci-config/pci-config.js';
import type { SimClock } from '../sim/clock.js';
import type { SimNode } from '../sim/node.js';
import { ProcessClock } from './process-clock.js';
import type { SimulatedEndpoint } from './simulated-endpoint.js';

/** What is there before a forwarder starts, and after it has ended. */
export interface Surroundings {
  readonly node: SimNode;
  readonly endpoint: SimulatedEndpoint;
  readonly clock: SimClock;
  readonly configs: readonly PhysicalFunctionConfig[];
  /** What kubelet has given to pods, by token name. */
  readonly pods: ReadonlyMap<string, readonly TokenId[]>;
  readonly newTokenId: () => TokenId;
  readonly newConnectionId: () => string;
}

/** How one process is started; what is not given is usual. */
export interface StartOptions {
  /** `NSM_NAME`; `forwarder` unless given. */
  readonly name?: string;
  /** As the setting; true unless given. */
  readonly resetVfs?: boolean;
  /** As the settings; `return`, `refuse` and false unless given. */
  readonly vfio?: Partial<Pick<VfioOutside, 'afterUse' | 'unknownOwner' | 'noIommuAllowed'>>;
  /** Kubelet does not answer at the start. */
  readonly kubeletAway?: boolean;
  /** What the journal says of itself; true unless given. */
  readonly recordsComplete?: boolean;
  /** How often it looks at the node, ms; not at all unless given. */
  readonly auditMs?: number;
}

/** Thrown in place of an outcome that nobody learnt, because the process that worked for it has ended. */
export class ProcessEnded extends Error {
  constructor() {
    super('the process has ended');
  }
}

/** One run of the forwarder: it begins as the daemon does, and ends with its process on the node. */
export class SimulatedProcess {
  readonly pool: ResourcePool;
  readonly forwarder: Forwarder;
  /** Asks it to end in order. */
  readonly stopping = new AbortController();
  /** Fires when it has ended. */
  readonly ended: AbortSignal;
  readonly #clock: ProcessClock;

  /** @throws ProcessEnded when it crashes before it serves */
  static async start(surroundings: Surroundings, options: StartOptions): Promise<[SimulatedProcess, TakeOverReport]> {
    const { node, configs } = surroundings;
    const { ended } = node;
    const starting = async (): Promise<[SimulatedProcess, TakeOverReport]> => {
      const reader = { pci: node.bus, log: silentLog, noIommuAllowed: options.vfio?.noIommuAllowed ?? false };
      const catalogue = await buildCatalogue({ physicalFunctions: configs }, reader);
      const pool = new ResourcePool(catalogue, surroundings.newTokenId);
      if (options.kubeletAway !== true) pool.restore(surroundings.pods);
      pool.restore(rememberedTokens(node.journal));
      const it = new SimulatedProcess(pool, surroundings, options);
      const report = await it.forwarder.takeOver(it.stopping.signal);
      if (options.auditMs !== undefined) void it.forwarder.audit(options.auditMs);
      return [it, report];
    };
    return surroundings.clock.advanceUntil(unlessEnded(starting(), ended));
  }

  private constructor(pool: ResourcePool, surroundings: Surroundings, options: StartOptions) {
    const { node, endpoint, configs, newConnectionId } = surroundings;
    this.pool = pool;
    this.ended = node.ended;
    this.#clock = new ProcessClock(surroundings.clock, node.ended);
    this.forwarder = createForwarder({
      name: options.name ?? 'forwarder',
      pci: node.bus,
      namespaces: node.namespaces,
      functions: functionsFromPool(pool, new Map(configs.map((pf) => [pf.address, pf.vfKernelDriver])), openDoor),
      resetVfs: options.resetVfs ?? true,
      vfio: {
        access: node.deviceAccess,
        nodes: node.vfio,
        owners: node.podOwners,
        podDoor: openDoor,
        auditMs: options.auditMs ?? 10_000,
        afterUse: 'return',
        unknownOwner: 'refuse',
        noIommuAllowed: false,
        ...options.vfio,
      },
      issuer: issuer(surroundings.clock),
      journal: node.journal,
      recordsComplete: options.recordsComplete ?? true,
      ...endpoint.reachedBy(node.gate),
      clock: this.#clock,
      log: silentLog,
      telemetry: noTelemetry,
      newId: newConnectionId,
      signal: this.stopping.signal,
    });
  }
}

/** @throws ProcessEnded when the process ends first, whatever its last breath was */
export async function unlessEnded<T>(work: Promise<T>, ended: AbortSignal): Promise<T> {
  let end = () => {};
  const gone = new Promise<never>((_, reject) => {
    end = () => reject(new ProcessEnded());
  });
  if (ended.aborted) end();
  ended.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([gone, work]);
  } catch (error) {
    throw ended.aborted ? new ProcessEnded() : error;
  } finally {
    ended.removeEventListener('abort', end);
  }
}

/** Who may use a token is the daemon's to decide. */
const openDoor: TokenDoor = { admit: async () => undefined, admitted: () => undefined };

const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};

function issuer(clock: SimClock): TokenIssuer {
  return { issue: (audience) => ({ token: `token for ${audience}`, expires: clock.wallTime() + 600_000 }) };
}
