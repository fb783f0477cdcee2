import { freshNamespace } from '../../simulation/network/fresh-namespace.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import type { GoConnection } from '../interop/go-client.js';
import { Peer, type PeerEvent } from './peer.js';
import { Pinger } from './pinger.js';
import type { PodWithDevices } from './pod-with-devices.js';

export interface MeshClientOptions {
  readonly name: string;
  readonly program: string;
  readonly role: 'client' | 'churn';
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Where it runs when it wants devices. */
  readonly pod: PodWithDevices | undefined;
  /** Told of every connection that the client was given. */
  readonly onGranted: (connection: GoConnection) => Promise<void>;
  /** Told when this process lets go of the client's namespace. */
  readonly onEnd: (namespace: NamespaceFile) => void;
}

/** A pod's client in a network namespace of its own. */
export class MeshClient implements AsyncDisposable {
  readonly name: string;
  readonly namespace: NamespaceFile = freshNamespace();
  readonly #peer: Peer;
  readonly #options: MeshClientOptions;
  #ended = false;

  constructor(options: MeshClientOptions) {
    const { name, program, role, args, env, pod } = options;
    this.name = name;
    this.#options = options;
    this.#peer = new Peer({
      program,
      role,
      args,
      namespace: this.namespace,
      env,
      entry: pod?.entry(env) ?? [],
    });
  }

  /** Starts it; resolves with its first connection, whose far end answers by then. */
  async connect(signal: AbortSignal): Promise<{ readonly started: number; readonly granted: PeerEvent }> {
    const started = Date.now();
    this.#peer.begin();
    return { started, granted: await this.granted(started, signal) };
  }

  /** Starts it and waits for nothing. */
  begin(): void {
    this.#peer.begin();
  }

  /** The first Request that was granted after a time, ms since the epoch; waits for it. */
  async granted(after: number, signal: AbortSignal): Promise<PeerEvent> {
    const isGranted = (it: PeerEvent) => it.connection !== undefined && it.at > after;
    const event = await this.#peer.until(isGranted, signal);
    if (event.connection !== undefined) await this.#options.onGranted(event.connection);
    return event;
  }

  /** Every call so far, whoever wanted it: the user, a refresh, or healing. */
  get calls(): readonly PeerEvent[] {
    return this.#peer.events.filter(({ event }) => event === 'request' || event === 'close');
  }

  /** The connection as it was last granted. */
  get connection(): GoConnection {
    const last = this.calls.findLast(({ connection }) => connection !== undefined)?.connection;
    if (last === undefined) throw new Error(`${this.name} has no connection`);
    return last;
  }

  /** Where it runs when it wanted devices. @throws Error when it did not */
  get pod(): PodWithDevices {
    if (this.#options.pod === undefined) throw new Error(`${this.name} has no pod with devices`);
    return this.#options.pod;
  }

  /** The PCI address of its VF. */
  get vf(): string {
    return this.connection.mechanism.parameters['pciAddress'] ?? '';
  }

  /** Pings through the VF until it is stopped; resolves when the first one was answered. */
  async ping(signal: AbortSignal): Promise<Pinger> {
    const [address = ''] = this.connection.context.ipContext.dstIpAddrs;
    const pinger = new Pinger(this.namespace, address.replace(/\/.*/, ''));
    await pinger.answered(signal);
    return pinger;
  }

  /** Ends it. With SIGTERM it closes its connection first. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#peer.stop(signal);
    if (this.#ended) return;
    this.#ended = true;
    this.namespace[Symbol.dispose]();
    this.#options.onEnd(this.namespace);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
