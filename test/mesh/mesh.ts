import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CgroupVersion } from '../../simulation/cgroups/mounted-hierarchy.js';
import { Cleanup } from '../../simulation/cleanup.js';
import { layCable } from '../../simulation/network/links.js';
import { mark } from '../../simulation/traces.js';
import type { Mac } from '../../src/ports/links.js';
import type { GoConnection } from '../interop/go-client.js';
import { forwarderProgram } from './forwarder-under-test.js';
import { MeshNode, networkService } from './mesh-node.js';
import type { Peer } from './peer.js';
import { Spire } from './spire.js';

export interface MeshOptions {
  /** How long certificates last, in seconds; an hour unless told. */
  readonly certificateLifetime?: number;
  /** How long those of the daemons do; as all unless told. */
  readonly daemonCertificateLifetime?: number;
  /** One unless told. The registry is on the first, the endpoint on the last. */
  readonly nodes?: 1 | 2;
  /** Of the nodes' pods; they have none unless told. */
  readonly cgroups?: CgroupVersion;
}

const names = ['a', 'b'] as const;
const addresses = { a: '192.0.2.1', b: '192.0.2.2' } as const;
const registryUrl = `tcp://${addresses.a}:15002`;

interface Parts {
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly nodes: readonly [MeshNode, ...MeshNode[]];
  readonly spire: Spire;
}

/**
 * A mesh of one node or two, each a network namespace: SPIRE, registry, managers and endpoint are real, cards and kubelets
 * are simulated, the daemon on each node is the compiled one.
 */
export class Mesh implements AsyncDisposable {
  readonly endpointName = 'nse';
  readonly spire: Spire;
  readonly registry: Peer;
  readonly endpoint: Peer;
  readonly nodes: readonly [MeshNode, ...MeshNode[]];
  readonly #parts: Parts;
  #stolen = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.nodes = parts.nodes;
    this.spire = parts.spire;
    this.registry = this.node.peers.peer('registry', ['-listen', registryUrl]);
    const { peers, managerUrl, endpointUrl } = this.lastNode;
    const service = ['-service', networkService, '-manager', managerUrl];
    this.endpoint = peers.peer('endpoint', ['-name', this.endpointName, '-listen', endpointUrl, ...service]);
  }

  /** Everything but the daemons. */
  static async start(options: MeshOptions, signal: AbortSignal): Promise<Mesh> {
    const cleanup = new Cleanup();
    try {
      const mesh = new Mesh(await surround(cleanup, options, signal));
      await mesh.registry.start(signal);
      for (const { manager } of mesh.nodes) await manager.start(signal);
      await mesh.endpoint.start(signal);
      return mesh;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The node that clients are on. */
  get node(): MeshNode {
    return this.nodes[0];
  }

  /** The node that the endpoint is on. */
  get lastNode(): MeshNode {
    return this.nodes.at(-1) ?? this.node;
  }

  /** Somebody with an identity of its own who has got hold of a connection, and asks for it at this URL. */
  async intrude(connection: GoConnection, url: string, signal: AbortSignal): Promise<Peer> {
    this.#stolen += 1;
    const file = join(this.#parts.folder, `stolen-${this.#stolen}.json`);
    await writeFile(file, JSON.stringify(connection));
    const intruder = this.node.peers.peer('intruder', ['-manager', url, '-connection', file]);
    await intruder.start(signal);
    await intruder.until(({ event }) => event === 'close', signal);
    return intruder;
  }

  /** Tells of every change of what is registered as a forwarder. */
  async watchForwarders(signal: AbortSignal): Promise<Peer> {
    const watcher = this.node.peers.peer('watcher', ['-registry', registryUrl, '-service', 'forwarder']);
    await watcher.start(signal);
    return watcher;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.cleanup[Symbol.asyncDispose]();
  }
}

/** What is there before any of NSM's programs runs. */
async function surround(cleanup: Cleanup, options: MeshOptions, signal: AbortSignal): Promise<Parts> {
  const folder = await mkdtemp(join(tmpdir(), mark));
  cleanup.add(() => rm(folder, { recursive: true }));
  const make = (name: (typeof names)[number]) => {
    const { cgroups } = options;
    const address = addresses[name];
    return MeshNode.create({ name, folder, cleanup, address, registryUrl, ...(cgroups && { cgroups }) });
  };
  const first = await make('a');
  const nodes = [first, ...(options.nodes === 2 ? [await make('b')] : [])] as const;
  for (const node of nodes) await node.configure(signal);
  if (nodes[1] !== undefined) await connect(first, nodes[1], signal);
  const { certificateLifetime: lifetime = 3600, daemonCertificateLifetime = lifetime } = options;
  const grants = [
    { program: forwarderProgram, identity: 'forwarder', lifetime: daemonCertificateLifetime },
    ...nodes.flatMap(({ peers }) => peers.grants).map((grant) => ({ ...grant, lifetime })),
  ];
  const spire = cleanup.use(await Spire.start({ folder, namespace: first.hardware.home, grants }, signal));
  return { folder, cleanup, nodes, spire };
}

/** Lays a cable between two nodes. */
async function connect(one: MeshNode, other: MeshNode, signal: AbortSignal): Promise<void> {
  const name = 'between';
  await layCable(
    { namespace: one.hardware.home, name, mac: '02:5f:00:00:ff:01' as Mac },
    { namespace: other.hardware.home, name, mac: '02:5f:00:00:ff:02' as Mac },
  );
  for (const node of [one, other]) await node.tell([`link set ${name} up`], signal);
  await one.tell([`route add ${other.address} dev ${name} src ${one.address}`], signal);
  await other.tell([`route add ${one.address} dev ${name} src ${other.address}`], signal);
}
