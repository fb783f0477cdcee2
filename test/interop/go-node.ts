import { join } from 'node:path';
import { Cleanup } from '../../simulation/cleanup.js';
import { endpointOf } from '../../simulation/messages.js';
import { look, type SeenNamespace } from '../../simulation/network/look.js';
import { SimulatedNode } from '../../simulation/node.js';
import { WorkloadApi } from '../../simulation/workload-api.js';
import { skipBecause } from '../skip-because.js';
import { GoClient } from './go-client.js';
import { GoEndpoint } from './go-endpoint.js';

/** As many VFs as clients that work at the same time, and a few to spare. */
const vfs = 20;
const service = 'go-service';
const endpoint = 'go-endpoint';

/** Skips the suite unless the lane has built the Go peers. */
export function requireGoPeers(context: Mocha.Context): void {
  if (goPeers() === undefined) skipBecause(context, 'needs Go peers: npm run test:interop builds them');
}

function goPeers(): string | undefined {
  return process.env['GO_PEERS'];
}

/**
 * The simulated node with the compiled daemon on it, and Go peers around: an endpoint behind the daemon, clients before
 * it. Each peer has an identity of its own.
 */
export class GoNode implements AsyncDisposable {
  readonly networkService = service;
  readonly endpointName = endpoint;
  readonly node: SimulatedNode;
  readonly #cleanup: Cleanup;
  readonly #peers: string;
  #identities = 0;

  private constructor(parts: { node: SimulatedNode; cleanup: Cleanup; peers: string }) {
    this.node = parts.node;
    this.#cleanup = parts.cleanup;
    this.#peers = parts.peers;
  }

  /** Resolves when the daemon is registered. */
  static async start(signal: AbortSignal): Promise<GoNode> {
    const cleanup = new Cleanup();
    try {
      const node = cleanup.use(await createNode(signal));
      const goNode = new GoNode({ node, cleanup, peers: goPeers() ?? '' });
      await goNode.#addEndpoint();
      await node.startDaemon(signal);
      return goNode;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A process of clients. @param args of the Go program beside its URL */
  async client(args: readonly string[] = []): Promise<GoClient> {
    const env = await this.identity('client');
    return new GoClient(this.program('go-client'), ['-url', this.url, ...args], env);
  }

  /** Where the daemon serves. */
  get url(): string {
    const line = this.node.daemon.lines.find((it) => it.includes('phase: listening')) ?? '{}';
    return (JSON.parse(line) as { url?: string }).url ?? '';
  }

  /** The path of a peer's program. */
  program(name: 'go-client' | 'grpc-health-probe'): string {
    return join(this.#peers, name);
  }

  /** The environment of a process that shall have the identity of this name. */
  async identity(name: string): Promise<Record<string, string>> {
    this.#identities += 1;
    const address = `unix://${join(this.node.folder, `identity-${this.#identities}.sock`)}`;
    this.#cleanup.use(await WorkloadApi.start(address, await this.node.issue(`/${name}`)));
    return { SPIFFE_ENDPOINT_SOCKET: address };
  }

  /** Tokens of as many pods. */
  async tokens(count: number): Promise<string[]> {
    const tokens: string[] = [];
    for (let pod = 0; pod < count; pod += 1) tokens.push(...(await this.node.admitPod(`pod-${pod}`)));
    return tokens;
  }

  /** Everything in the namespace that the daemon calls home. */
  home(signal: AbortSignal): Promise<SeenNamespace> {
    return look(this.node.hardware.home, signal);
  }

  /** The MACs of all VFs. */
  get macs(): readonly string[] {
    return this.node.hardware.ports.map(({ mac }) => mac);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }

  async #addEndpoint(): Promise<void> {
    const { registry, hardware, folder } = this.node;
    const url = `unix://${join(folder, 'go-endpoint.sock')}`;
    this.#cleanup.use(
      await GoEndpoint.start({
        program: this.program('go-client'),
        args: ['-listen', url, '-name', endpoint],
        env: await this.identity('go-endpoint'),
        // The PCI tree shows where a netdev is a moment after it moved.
        beforeAnswer: () => hardware.settled(),
      }),
    );
    registry.services.set(service, { name: service, payload: 'ETHERNET', matches: [], pathIds: [] });
    registry.add(endpointOf(endpoint, service, url));
  }
}

function createNode(signal: AbortSignal): Promise<SimulatedNode> {
  const physicalFunctions = [{ address: '0000:01:00.0', totalVfs: vfs, vfs }];
  return SimulatedNode.create({ physicalFunctions, program: 'compiled' }, signal);
}
