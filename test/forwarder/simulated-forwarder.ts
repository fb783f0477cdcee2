import { Connection, type Mechanism } from '../../apis/generated/connection.js';
import { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import type { NetworkServiceRequest } from '../../apis/generated/networkservice.js';
import type { Caller } from '../../src/forwarder/chain/call.js';
import { segment } from '../../src/forwarder/chain/path.js';
import type { Forwarder, TakeOverReport } from '../../src/forwarder/forwarder.js';
import { toForwarderError } from '../../src/ports/error.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import type { PhysicalFunctionConfig } from '../../src/settings/pci-config/pci-config.js';
import { SimClock } from '../sim/clock.js';
import { SimNode, type SimNodeOptions } from '../sim/node.js';
import type { PfOptions } from '../sim/pci-function.js';
import { inOrder, type Turn } from '../sim/turn.js';
import { SimulatedEndpoint } from './simulated-endpoint.js';
import { SimulatedProcess, type StartOptions, type Surroundings, unlessEnded } from './simulated-process.js';

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
export interface SimulatedForwarderOptions extends StartOptions, Pick<SimNodeOptions, 'cgroups' | 'drivers'> {
  readonly pf?: Partial<PfOptions>;
  /** A PF beside it. */
  readonly otherPf?: PfOptions;
  readonly turn?: Turn;
  readonly simulatedVfs?: boolean;
  /** Whether namespaces of clients can be found on the node; true unless given. */
  readonly clientsSeen?: boolean;
  /** Names under which every VF is offered. */
  readonly tokenNames?: readonly string[];
}

/** The whole forwarder over a simulated node, with a simulated endpoint behind it. Every call outside goes through one plan of faults. */
export class SimulatedForwarder {
  readonly clock: SimClock;
  readonly node: SimNode;
  readonly endpoint: SimulatedEndpoint;
  readonly #surroundings: Surroundings;
  readonly #pods: Map<string, readonly TokenId[]>;
  readonly #options: StartOptions;
  #process: SimulatedProcess;

  static async create(options: SimulatedForwarderOptions = {}) {
    const { pf = {}, turn = inOrder, simulatedVfs = false, clientsSeen = true, tokenNames = [tokenName] } = options;
    const { cgroups, drivers } = options;
    const plugged = { address: '0000:01:00.0', name: 'pf0', vfs: 4, ...pf };
    const plugs = [plugged, ...(options.otherPf === undefined ? [] : [options.otherPf])];
    const node = new SimNode({
      pfs: plugs,
      turn,
      simulatedVfs,
      clientsSeen,
      ...(cgroups && { cgroups }),
      ...(drivers && { drivers }),
      ...(options.vfio?.noIommuAllowed === true && { noIommuAllowed: true }),
    });
    await node.settled();
    const pods = new Map<string, readonly TokenId[]>();
    const surroundings = {
      node,
      endpoint: new SimulatedEndpoint(),
      clock: new SimClock(),
      configs: plugs.map((it) => configOf(it, tokenNames)),
      pods,
      newTokenId: numbered((n) => `sriov-00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as TokenId),
      newConnectionId: numbered((n) => `connection-${n}`),
    };
    const [process] = await SimulatedProcess.start(surroundings, options);
    return new SimulatedForwarder({ surroundings, pods, process, options });
  }

  private constructor(parts: {
    surroundings: Surroundings;
    pods: Map<string, readonly TokenId[]>;
    process: SimulatedProcess;
    options: StartOptions;
  }) {
    const { node, endpoint, clock } = parts.surroundings;
    this.node = node;
    this.endpoint = endpoint;
    this.clock = clock;
    this.#surroundings = parts.surroundings;
    this.#pods = parts.pods;
    this.#process = parts.process;
    this.#options = parts.options;
  }

  /** Of the process that runs now. */
  get pool(): ResourcePool {
    return this.#process.pool;
  }

  /** The process that runs now. */
  get forwarder(): Forwarder {
    return this.#process.forwarder;
  }

  /** Asks the process that runs now to end in order. */
  get ended(): AbortController {
    return this.#process.stopping;
  }

  /** False from the end of a process until its successor serves. */
  get serving(): boolean {
    return !this.#process.ended.aborted;
  }

  /** Kubelet says which tokens are with pods, if it has not before. */
  kubeletAnswers(): void {
    this.pool.restore(this.#pods);
  }

  /**
   * The process ends without a word, if it has not; a successor takes over what it left, and serves.
   *
   * @param options that differ from those of the first process
   * @throws ProcessEnded when the successor crashes before it serves
   */
  async restart(options: StartOptions = {}): Promise<TakeOverReport> {
    if (this.serving) this.node.crash();
    const [process, report] = await SimulatedProcess.start(this.#surroundings, { ...this.#options, ...options });
    this.#process = process;
    return report;
  }

  /** Tokens that kubelet has given to pods. */
  allocate(count: number, name = tokenName): TokenId[] {
    const ids = this.pool.tokens(name).map((token) => token.id);
    const given = ids.slice(0, count);
    this.pool.allocate(given);
    this.#pods.set(name, [...(this.#pods.get(name) ?? []), ...given]);
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
    const tokens = this.#tokens();
    return [
      this.node.snapshot(),
      ...functions,
      ...tokens,
      `open handles ${this.node.openHandles()}`,
      `at the endpoint: ${this.endpoint.open().join(', ')}`,
      `held: ${this.forwarder.connections.report().map((it) => it.id)}`,
      `on record: ${this.#kindsOnRecord()}`,
    ].join('\n');
  }

  /** The ids of entries tell who came first, which is no matter of what is left. */
  #kindsOnRecord(): string {
    const kinds = [...this.node.journal.records().keys()].map((key) => key.split('/')[0]);
    return kinds.sort().join(', ');
  }

  /** Tokens of pods by their ids; others, to which each process gives its own, by their number. */
  #tokens(): string[] {
    const given = new Set([...this.#pods.values()].flat());
    const tokens = this.pool.tokens(tokenName);
    const others = tokens.filter(({ id }) => !given.has(id)).map(({ state }) => state);
    return [
      ...tokens
        .filter(({ id }) => given.has(id))
        .map(({ id, state }) => `${id} ${state}`)
        .sort(),
      `other tokens: ${others.sort().join(', ')}`,
    ];
  }

  async #asked<T>(
    wish: Wish,
    call: (asked: { caller: Caller; signal: AbortSignal }) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    using deadline = this.clock.deadline("the caller's call", callMs, ...(signal === undefined ? [] : [signal]));
    const asked = { caller: this.caller(wish), signal: deadline.signal };
    return await this.clock.advanceUntil(unlessEnded(call(asked), this.#process.ended));
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
        this.node.gate.call(`caller.receive ${inodeUrl}`, signal, () => {
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

function configOf(pf: PfOptions, tokenNames: readonly string[]): PhysicalFunctionConfig {
  return {
    address: parsePciAddress(pf.address),
    pfKernelDriver: pf.driver ?? 'igb',
    vfKernelDriver: pf.vfDriver ?? 'igbvf',
    capabilities: ['10G'],
    serviceDomains: ['worker.domain'],
    tokenNames,
    numVfs: undefined,
    virtualFunctions: undefined,
    where: 'pci.config:1:1',
  };
}

function numbered<T>(make: (n: number) => T): () => T {
  let n = 0;
  return () => {
    n += 1;
    return make(n);
  };
}
