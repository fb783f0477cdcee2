import { Connection, type Mechanism } from '../../apis/generated/connection.js';
import { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import type { NetworkServiceRequest } from '../../apis/generated/networkservice.js';
import { buildCatalogue } from '../../src/daemon/build-catalogue.js';
import { functionsFromPool } from '../../src/daemon/functions-from-pool.js';
import type { Caller } from '../../src/forwarder/chain/call.js';
import { segment } from '../../src/forwarder/chain/path.js';
import { createForwarder, type Forwarder } from '../../src/forwarder/forwarder.js';
import type { ErrorKind } from '../../src/ports/error.js';
import { toForwarderError } from '../../src/ports/error.js';
import type { TokenIssuer } from '../../src/ports/identity.js';
import type { Log } from '../../src/ports/log.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { memoryJournal } from '../ledger/memory-journal.js';
import { CallGate } from '../sim/call-gate.js';
import { SimClock } from '../sim/clock.js';
import { SimNode } from '../sim/node.js';
import type { PfOptions } from '../sim/pci-function.js';
import { inOrder, type Turn } from '../sim/turn.js';
import { SimulatedEndpoint } from './simulated-endpoint.js';

const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};

/** The name under which all VFs are offered. */
export const tokenName = 'worker.domain/10G';

/** How long each call of a client may take. */
const callMs = 15_000;

/** What a client asks for; what is not given is usual. */
export interface Wish {
  readonly token: TokenId;
  readonly namespace?: string;
  readonly interfaceName?: string;
  readonly type?: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly context?: Partial<ConnectionContext>;
  /** How long the client's token is good, ms; `none`: it sends no token. */
  readonly life?: number | 'none';
  /** `false`: it does not say how long it waits. */
  readonly saysDeadline?: boolean;
  /** `false`: announces the descriptor of its namespace and never sends it. */
  readonly sendsDescriptor?: boolean;
}

/** What a {@link SimulatedForwarder} is made of; what is not given is usual. */
export interface SimulatedForwarderOptions {
  readonly pf?: Partial<PfOptions>;
  readonly turn?: Turn;
  readonly simulatedVfs?: boolean;
  /** As the setting; true unless given. */
  readonly resetVfs?: boolean;
  /** Names under which every VF is offered. */
  readonly tokenNames?: readonly string[];
}

/** The whole forwarder over a simulated node, with a simulated endpoint behind it. Every call outside goes through one plan of faults. */
export class SimulatedForwarder {
  readonly clock = new SimClock();
  readonly node: SimNode;
  readonly endpoint: SimulatedEndpoint;
  readonly pool: ResourcePool;
  readonly forwarder: Forwarder;
  /** Signals that calls were made with: none may keep a listener. */
  readonly ended = new AbortController();

  static async create(options: SimulatedForwarderOptions = {}) {
    const { pf = {}, turn = inOrder, simulatedVfs = false, resetVfs = true, tokenNames = [tokenName] } = options;
    const physicalFunction = { address: '0000:01:00.0', name: 'pf0', vfs: 4, ...pf };
    const node = new SimNode({ pfs: [physicalFunction], turn, simulatedVfs });
    const config = {
      address: parsePciAddress(physicalFunction.address),
      pfKernelDriver: physicalFunction.driver ?? 'igb',
      vfKernelDriver: physicalFunction.vfDriver ?? 'igbvf',
      capabilities: ['10G'],
      serviceDomains: ['worker.domain'],
      tokenNames,
      numVfs: undefined,
      virtualFunctions: undefined,
      where: 'pci.config:1:1',
    };
    const catalogue = await buildCatalogue({ physicalFunctions: [config] }, node.bus, silentLog);
    let ids = 0;
    const newId = () => `sriov-00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}` as TokenId;
    const pool = new ResourcePool(catalogue, newId);
    const drivers = new Map([[config.address, config.vfKernelDriver]]);
    return new SimulatedForwarder({ node, pool, drivers, turn, resetVfs });
  }

  private constructor(parts: {
    node: SimNode;
    pool: ResourcePool;
    drivers: ConstructorParameters<typeof Map<ReturnType<typeof parsePciAddress>, string>>[0];
    turn: Turn;
    resetVfs: boolean;
  }) {
    const { node, pool, turn } = parts;
    this.node = node;
    this.pool = pool;
    const gate = new CallGate({ plan: node.faults, turn, crash: () => node.crash() });
    this.endpoint = new SimulatedEndpoint(gate);
    let ids = 0;
    this.forwarder = createForwarder({
      name: 'forwarder',
      pci: node.bus,
      namespaces: node.namespaces,
      functions: functionsFromPool(pool, new Map(parts.drivers)),
      resetVfs: parts.resetVfs,
      issuer: issuer(this.clock),
      journal: memoryJournal(),
      recordsComplete: true,
      directory: this.endpoint.directory,
      nextHops: this.endpoint.nextHops,
      clock: this.clock,
      log: silentLog,
      newId: () => `connection-${++ids}`,
      signal: this.ended.signal,
    });
    this.#gate = gate;
  }

  readonly #gate: CallGate;

  /** Tokens that kubelet has given to pods. */
  allocate(count: number, name = tokenName): TokenId[] {
    const ids = this.pool.tokens(name).map((token) => token.id);
    const given = ids.slice(0, count);
    this.pool.allocate(given);
    return given;
  }

  /** A first Request as a network service manager sends it for its client. */
  firstRequest(id: string, wish: Wish): NetworkServiceRequest {
    const connection: Connection = {
      ...Connection.fromPartial({}),
      id,
      networkService: 'service',
      context: { ...ConnectionContext.fromPartial({}), ...wish.context },
      path: { index: 1, pathSegments: [segment('client', `client-${id}`), segment('manager', id)] },
    };
    return { connection, mechanismPreferences: [mechanism(wish)] };
  }

  /** Sends a Request and lets as much time pass as it takes. */
  request(message: NetworkServiceRequest, wish: Wish, signal?: AbortSignal): Promise<Connection> {
    return this.#asked(wish, (asked) => this.forwarder.request(message, asked), signal);
  }

  close(connection: Connection, wish: Wish): Promise<void> {
    return this.#asked(wish, (asked) => this.forwarder.close(connection, asked));
  }

  /** A first Request for a client with this wish. */
  connect(wish: Wish, id = 'U1'): Promise<Connection> {
    return this.request(this.firstRequest(id, wish), wish);
  }

  /** The last answer, sent back. */
  refresh(answer: Connection, wish: Wish): Promise<Connection> {
    return this.request(refreshOf(answer, wish), wish);
  }

  /** What is left of anything, in text: equal texts mean that nothing is. */
  state(): string {
    const functions = this.pool.functions().map((it) => `${it.address} ${it.use.kind}`);
    const tokens = this.pool.tokens(tokenName).map((it) => `${it.id} ${it.state}`);
    return [
      this.node.snapshot(),
      ...functions,
      ...tokens,
      `open handles ${this.node.openHandles()}`,
      `at the endpoint: ${this.endpoint.open().join(', ')}`,
      `held: ${this.forwarder.connections.report().map((it) => it.id)}`,
    ].join('\n');
  }

  async #asked<T>(
    wish: Wish,
    call: (asked: { caller: Caller; signal: AbortSignal }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const run = async () => {
      using deadline = this.clock.deadline("the caller's call", callMs, ...(signal === undefined ? [] : [signal]));
      return await call({ caller: this.caller(wish), signal: deadline.signal });
    };
    return this.clock.advanceUntil(run());
  }

  /** The manager that calls for a client with this wish, now. */
  caller(wish: Wish): Caller {
    const { namespace = '/sim/ns/client', life = 600_000, sendsDescriptor = true, saysDeadline = true } = wish;
    const now = this.clock.wallTime();
    return {
      spiffeId: 'spiffe://test/manager',
      ...(life !== 'none' && { token: { value: 'token of the manager', expires: now + life } }),
      ...(saysDeadline && { deadline: now + callMs }),
      receive: (inodeUrl, signal) =>
        this.#gate.call(`caller.receive ${inodeUrl}`, signal, () => {
          if (!sendsDescriptor) throw toForwarderError(new Error(`no descriptor came for ${inodeUrl}`));
          return { path: namespace, [Symbol.dispose]: () => undefined };
        }),
    };
  }
}

/** The mechanism preference of a wish. */
export function mechanism(wish: Wish): Mechanism {
  const { namespace = '/sim/ns/client', interfaceName = 'nsm-1', type = 'KERNEL', parameters = {} } = wish;
  return {
    cls: 'LOCAL',
    type,
    parameters: { name: interfaceName, inodeURL: inodeUrls.get(namespace) ?? '', tokenID: wish.token, ...parameters },
  };
}

const inodeUrls = new Map<string, string>();

/** Makes a client's namespace on the node, known to {@link mechanism} by its inode URL. */
export function addClient(world: SimulatedForwarder, path = '/sim/ns/client'): string {
  world.node.addNamespace(path);
  using opened = world.node.namespaces.open(path);
  inodeUrls.set(path, `inode://${opened.id}`);
  return path;
}

/** A refresh: the last answer, sent back. */
export function refreshOf(answer: Connection, wish: Wish): NetworkServiceRequest {
  return { connection: answer, mechanismPreferences: [mechanism(wish)] };
}

export async function kindOf(attempt: Promise<unknown>): Promise<ErrorKind | 'ok'> {
  return attempt.then(
    () => 'ok' as const,
    (thrown: unknown) => toForwarderError(thrown).kind,
  );
}

function issuer(clock: SimClock): TokenIssuer {
  return { issue: (audience) => ({ token: `token for ${audience}`, expires: clock.wallTime() + 600_000 }) };
}
