import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cleanup } from '../../simulation/cleanup.js';
import { RunningProgram } from '../../simulation/running-program.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import { spireProgram } from './programs.js';

const trustDomain = 'mesh.test';
const port = 8081;

/** Which program gets which identity, and for how long at a time. */
export interface Grant {
  /** Its path. */
  readonly program: string;
  /** Path of the SPIFFE ID. */
  readonly identity: string;
  /** Of a certificate, in seconds. */
  readonly lifetime: number;
}

export interface SpireOptions {
  readonly folder: string;
  /** Where server and agent meet. */
  readonly namespace: NamespaceFile;
  readonly grants: readonly Grant[];
}

/** A real SPIRE server and agent. */
export class Spire implements AsyncDisposable {
  readonly #options: SpireOptions;
  readonly #cleanup: Cleanup;
  readonly #joinToken: string;
  #agent: RunningProgram | undefined;

  private constructor(options: SpireOptions, cleanup: Cleanup, joinToken: string) {
    this.#options = options;
    this.#cleanup = cleanup;
    this.#joinToken = joinToken;
  }

  static async start(options: SpireOptions, signal: AbortSignal): Promise<Spire> {
    const cleanup = new Cleanup();
    try {
      await mkdir(join(options.folder, 'server'), { recursive: true });
      await mkdir(join(options.folder, 'agent'));
      await writeFile(join(options.folder, 'server.conf'), serverConfiguration(options.folder));
      await writeFile(join(options.folder, 'agent.conf'), agentConfiguration(options.folder));
      const { folder, namespace } = options;
      const command = [spireProgram('spire-server'), 'run', '-config', join(folder, 'server.conf')] as const;
      const server = cleanup.use(new RunningProgram({ name: 'the SPIRE server', command, namespace, env: {} }));
      await server.logged('Starting Server APIs', signal);
      const spire = new Spire(options, cleanup, await admit(options, signal));
      await spire.startAgent(signal);
      return spire;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The workload API, as SPIFFE_ENDPOINT_SOCKET has it. */
  get socket(): string {
    return `unix://${join(this.#options.folder, 'agent.sock')}`;
  }

  async startAgent(signal: AbortSignal): Promise<void> {
    const { folder, namespace } = this.#options;
    const command = [
      spireProgram('spire-agent'),
      'run',
      '-config',
      join(folder, 'agent.conf'),
      '-joinToken',
      this.#joinToken,
    ] as const;
    this.#agent = this.#cleanup.use(new RunningProgram({ name: 'the SPIRE agent', command, namespace, env: {} }));
    await this.#agent.logged('Starting Workload and SDS APIs', signal);
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

/** Lets an agent join and registers what it may grant; returns the token with which it joins. */
async function admit({ folder, grants }: SpireOptions, signal: AbortSignal): Promise<string> {
  const tell = async (...args: string[]) => {
    const socket = ['-socketPath', join(folder, 'server/api.sock')];
    return (await promisify(execFile)(spireProgram('spire-server'), [...args, ...socket], { signal })).stdout;
  };
  const { value } = JSON.parse(await tell('token', 'generate', '-output', 'json')) as { value: string };
  const entries = grants.map(({ program, identity, lifetime }) => ({
    parent_id: `spiffe://${trustDomain}/spire/agent/join_token/${value}`,
    spiffe_id: spiffeId(identity),
    selectors: [{ type: 'unix', value: `path:${program}` }],
    x509_svid_ttl: lifetime,
  }));
  await writeFile(join(folder, 'entries.json'), JSON.stringify({ entries }));
  await tell('entry', 'create', '-data', join(folder, 'entries.json'));
  return value;
}

/** The SPIFFE ID with this path. */
function spiffeId(identity: string): string {
  return `spiffe://${trustDomain}/${identity}`;
}

function serverConfiguration(folder: string): string {
  return `
server {
  bind_address = "127.0.0.1"
  bind_port = "${port}"
  socket_path = "${folder}/server/api.sock"
  trust_domain = "${trustDomain}"
  data_dir = "${folder}/server"
  log_level = "INFO"
}
plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "${folder}/server/entries.sqlite3"
    }
  }
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
}
`;
}

/**
 * Keys on disk: an agent that joined with a token could not come back without them. No program is hashed: Node is big, and
 * none is known by its hash.
 */
function agentConfiguration(folder: string): string {
  return `
agent {
  data_dir = "${folder}/agent"
  log_level = "INFO"
  server_address = "127.0.0.1"
  server_port = "${port}"
  socket_path = "${folder}/agent.sock"
  trust_domain = "${trustDomain}"
  insecure_bootstrap = true
  experimental {
    sync_interval = "1s"
  }
}
plugins {
  KeyManager "disk" {
    plugin_data {
      directory = "${folder}/agent"
    }
  }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" {
    plugin_data {
      discover_workload_path = true
      workload_size_limit = -1
    }
  }
}
`;
}
