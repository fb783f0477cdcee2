import { GoProcess } from './go-process.js';

/** An interface as Go's `net` package sees it inside the client's namespace. */
export interface SeenInterface {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** Sorted, without link-local ones. */
  readonly addresses: readonly string[];
}

/** A connection in protobuf's JSON form, every field spelled out; only what tests look at. */
export interface GoConnection {
  readonly id: string;
  readonly state: string;
  readonly networkServiceEndpointName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly mechanism: { readonly type: string; readonly parameters: Readonly<Record<string, string>> };
  readonly context: {
    readonly ipContext: { readonly srcIpAddrs: readonly string[]; readonly dstIpAddrs: readonly string[] };
    readonly extraContext: Readonly<Record<string, string>>;
    readonly dnsContext: unknown;
  };
  readonly path: { readonly index: number; readonly pathSegments: readonly GoSegment[] };
}

export interface GoSegment {
  readonly name: string;
  readonly id: string;
  readonly token: string;
  /** RFC 3339. */
  readonly expires: string;
  readonly metrics: Readonly<Record<string, string>>;
}

export interface GoEvent {
  readonly type: 'INITIAL_STATE_TRANSFER' | 'UPDATE' | 'DELETE';
  readonly connections: Readonly<Record<string, GoConnection>>;
}

/** How a load went; latencies in ms. */
export interface LoadResult {
  readonly pairs: number;
  readonly failures: number;
  readonly firstError?: string;
  readonly seconds: number;
  readonly request: { readonly p50: number; readonly p99: number };
  readonly close: { readonly p50: number; readonly p99: number };
}

/** What a Request asks for. */
export interface GoRequest {
  /** Each has a network namespace of its own; with a connection open, this is a refresh. */
  readonly client: string;
  readonly service: string;
  readonly token: string;
  readonly interface: string;
  /** Labels and context, in protobuf's JSON form. */
  readonly connection?: object;
  /** Puts somebody else's path segment of this name before the client's. */
  readonly behind?: string;
  /** Fields that no protocol file knows: base64 of protobuf's binary form. */
  readonly unknown?: string;
}

export interface Granted {
  readonly connection: GoConnection;
  readonly interfaces: readonly SeenInterface[];
  readonly unknown: string;
}

/** gRPC's code by name, and the text. */
export interface Failure {
  readonly code: string;
  readonly error: string;
}

interface Answer extends Partial<Granted>, Partial<Failure> {
  readonly load?: LoadResult;
  readonly events?: readonly GoEvent[];
}

/** A process of NSM clients over the SDK's own chain; the Go program's commands (test/interop/go-client) as methods. */
export class GoClient implements AsyncDisposable {
  readonly #process: GoProcess;

  /** @param args of the Go program's role `client` */
  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.#process = new GoProcess(program, ['client', ...args], env);
  }

  /** @throws Error with gRPC's code and the forwarder's text */
  async request(request: GoRequest): Promise<Granted> {
    const { connection, interfaces = [], unknown = '' } = await this.#tell({ do: 'request', ...request });
    if (connection === undefined) throw new Error('the answer has no connection');
    return { connection, interfaces, unknown };
  }

  /** A Request that must fail. @throws Error when it does not */
  async refused(request: GoRequest): Promise<Failure> {
    const { error, code } = await this.#ask({ do: 'request', ...request });
    if (error === undefined || code === undefined) throw new Error('the Request was granted');
    return { error, code };
  }

  /** Closes the client's connection and returns what is left in its namespace. */
  async close(client: string): Promise<readonly SeenInterface[]> {
    return (await this.#tell({ do: 'close', client })).interfaces ?? [];
  }

  /** So many pairs of Request and Close, by as many clients at a time as there are tokens. */
  async load(load: {
    readonly service: string;
    readonly tokens: readonly string[];
    readonly pairs: number;
    /** MACs that an interface may arrive with. */
    readonly macs: readonly string[];
  }): Promise<LoadResult> {
    const { load: result } = await this.#tell({ do: 'load', ...load });
    if (result === undefined) throw new Error('the answer has no figures');
    return result;
  }

  /** Begins to follow all of the forwarder's connections. */
  async watch(): Promise<void> {
    await this.#tell({ do: 'watch' });
  }

  /** All events so far, once there are so many. */
  async events(count: number): Promise<readonly GoEvent[]> {
    return (await this.#tell({ do: 'events', count })).events ?? [];
  }

  async unwatch(): Promise<void> {
    await this.#tell({ do: 'unwatch' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  async #tell(command: object): Promise<Answer> {
    const answer = await this.#ask(command);
    if (answer.error !== undefined) throw new Error(`${answer.code}: ${answer.error}`);
    return answer;
  }

  async #ask(command: object): Promise<Answer> {
    this.#process.write(JSON.stringify(command));
    return JSON.parse(await this.#process.read()) as Answer;
  }
}
