import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../../simulation/cleanup.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import { Peer } from './peer.js';
import { peerProgram } from './programs.js';
import type { Grant } from './spire.js';

const roles = ['registry', 'manager', 'endpoint', 'watcher', 'intruder', 'client', 'churn'] as const;

export type Role = (typeof roles)[number];

export interface MeshPeersOptions {
  /** The mesh's folder. */
  readonly folder: string;
  /** The name of their node. */
  readonly node: string;
  readonly namespace: NamespaceFile;
  /** Ends those that still run. */
  readonly cleanup: Cleanup;
}

/** NSM's programs of one node, each with an identity of its own, all in the node's network namespace. */
export class MeshPeers {
  readonly #options: MeshPeersOptions;

  constructor(options: MeshPeersOptions) {
    this.#options = options;
  }

  /** Makes the programs, each under a path by which SPIRE tells it from others. */
  async prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const role of roles) peerProgram(this.#folder, role);
  }

  /** The identity that each of them is to get. */
  get grants(): readonly Omit<Grant, 'lifetime'>[] {
    return roles.map((role) => ({ program: this.program(role), identity: `${this.#options.node}/${role}` }));
  }

  program(role: Role): string {
    return join(this.#folder, role);
  }

  /** What each is told on its command line and in its environment, whatever it is. */
  common(name: string): { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> } {
    const { folder, node } = this.#options;
    // The peers' own logs go with the mesh unless MESH_LOGS names a folder.
    const log = join(process.env['MESH_LOGS'] ?? folder, `${node}-${name}.log`);
    return { args: ['-log', log], env: { SPIFFE_ENDPOINT_SOCKET: `unix://${join(folder, 'agent.sock')}` } };
  }

  /** One of them, to be started. */
  peer(role: Role, args: readonly string[]): Peer {
    const { namespace, cleanup } = this.#options;
    const common = this.common(role);
    const all = { program: this.program(role), role, args: [...args, ...common.args], namespace, env: common.env };
    return cleanup.use(new Peer(all));
  }

  get #folder(): string {
    return join(this.#options.folder, 'bin', this.#options.node);
  }
}
