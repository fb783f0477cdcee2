import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cleanup } from '../../simulation/cleanup.js';
import { DaemonProcess } from '../../simulation/daemon-process.js';
import { SimulatedHardware } from '../../simulation/hardware.js';
import { SimulatedKubelet } from '../../simulation/kubelet/simulated-kubelet.js';
import { freshNamespace, pathOf } from '../../simulation/network/fresh-namespace.js';
import { runInside } from '../../simulation/network/run-inside.js';
import { namesOf, pciConfig } from '../../simulation/node-options.js';
import { daemonEnvironment } from '../../simulation/surroundings.js';
import { mark } from '../../simulation/traces.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import type { GoConnection } from '../interop/go-client.js';
import { MeshClient } from './client.js';
import { eventually } from './eventually.js';
import { connectFarEnd } from './far-end.js';
import { Peer } from './peer.js';
import { peerProgram } from './programs.js';
import { Spire } from './spire.js';

export interface MeshOptions {
  /** How long certificates last, in seconds; an hour unless told. */
  readonly certificateLifetime?: number;
}

interface Parts {
  readonly folder: string;
  readonly cleanup: Cleanup;
  readonly hardware: SimulatedHardware;
  readonly kubelet: SimulatedKubelet;
  readonly namespace: NamespaceFile;
  readonly spire: Spire;
}

const networkService = 'sriov-kernel2noop';
const registryUrl = 'tcp://127.0.0.1:15002';
const managerTcpUrl = 'tcp://127.0.0.1:15001';
const pf = { address: '0000:01:00.0', totalVfs: 4, vfs: 4 };
const [resource = ''] = namesOf(pf);
const peers = ['registry', 'manager', 'endpoint', 'watcher', 'intruder', 'client'] as const;

/**
 * A node in a mesh: SPIRE, registry, manager and endpoint are real and run in a network namespace of their own; cards and
 * kubelet are simulated; the daemon between them is the compiled one.
 */
export class Mesh implements AsyncDisposable {
  readonly daemonName = 'forwarder-in-a-mesh';
  readonly endpointName = 'nse';
  readonly hardware: SimulatedHardware;
  readonly spire: Spire;
  readonly registry: Peer;
  readonly manager: Peer;
  readonly endpoint: Peer;
  /** All that there were. */
  readonly clients: MeshClient[] = [];
  readonly #parts: Parts;
  #daemon: DaemonProcess | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.hardware = parts.hardware;
    this.spire = parts.spire;
    const listen = `unix://${join(parts.folder, 'nsm.io.sock')},${managerTcpUrl}`;
    this.registry = this.#peer('registry', ['-listen', registryUrl]);
    this.manager = this.#peer('manager', ['-name', 'nsmgr', '-listen', listen, '-registry', registryUrl]);
    const endpointUrl = `unix://${join(parts.folder, 'nse.sock')}`;
    const service = ['-service', networkService, '-manager', this.managerUrl];
    this.endpoint = this.#peer('endpoint', ['-name', this.endpointName, '-listen', endpointUrl, ...service]);
  }

  /** Everything but the daemon. */
  static async start(options: MeshOptions, signal: AbortSignal): Promise<Mesh> {
    const cleanup = new Cleanup();
    try {
      const mesh = new Mesh(await surround(cleanup, options, signal));
      await mesh.registry.start(signal);
      await mesh.manager.start(signal);
      await mesh.endpoint.start(signal);
      return mesh;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  get daemon(): DaemonProcess {
    if (this.#daemon === undefined) throw new Error('the daemon was not started');
    return this.#daemon;
  }

  /** What the daemon has written since it was last started. */
  get daemonLines(): readonly string[] {
    return this.#daemon?.lines ?? [];
  }

  /** Starts the daemon, once or again after its end; resolves when it is registered, with how long that took, ms. */
  async startDaemon(signal: AbortSignal, env: Readonly<Record<string, string>> = {}): Promise<number> {
    const { folder, hardware, kubelet, cleanup } = this.#parts;
    const ofNode = daemonEnvironment({ folder, hardware }, this.daemonName);
    const started = performance.now();
    const daemon = new DaemonProcess({ home: hardware.home, env: { ...ofNode, ...env }, program: 'compiled' });
    this.#daemon = cleanup.use(daemon);
    await daemon.logged('phase: registered', signal);
    const took = performance.now() - started;
    await kubelet.until(() => (kubelet.resource(resource)?.allocatable ?? 0) > 0, signal);
    return took;
  }

  /** A client in a pod of its own, with a token for one VF. */
  async client({ tokenLifetime = '10m' }: { tokenLifetime?: string } = {}): Promise<MeshClient> {
    const { kubelet, cleanup, hardware, folder } = this.#parts;
    const name = `nsc-${this.clients.length + 1}`;
    const requests = { [resource]: 1 };
    const podEnv = await kubelet.addPod({ namespace: 'default', name, container: 'nsc', requests });
    const service = `kernel://${networkService}/nsm-1?sriovToken=${resource}`;
    const toManager = ['-manager', this.managerUrl, '-service', service];
    const client = new MeshClient({
      name,
      program: join(folder, 'bin/client'),
      args: ['-name', name, ...toManager, '-token-lifetime', tokenLifetime, '-log', join(this.#logs, `${name}.log`)],
      env: { ...podEnv, SPIFFE_ENDPOINT_SOCKET: this.spire.socket },
      onGranted: (connection) => {
        const port = hardware.port(connection.mechanism.parameters['pciAddress'] ?? '');
        return connectFarEnd({ far: hardware.far, port, connection }, AbortSignal.timeout(5_000));
      },
      onEnd: ({ id }) => hardware.released(BigInt(id.split('/')[1] ?? '0')),
    });
    hardware.hold(pathOf(client.namespace));
    this.clients.push(client);
    return cleanup.use(client);
  }

  /** Somebody with an identity of its own who has got hold of a connection, and asks for it at this URL. */
  async intrude(connection: GoConnection, url: string, signal: AbortSignal): Promise<Peer> {
    const { folder, cleanup } = this.#parts;
    const file = join(folder, `stolen-${this.clients.length}.json`);
    await writeFile(file, JSON.stringify(connection));
    const intruder = cleanup.use(this.#peer('intruder', ['-manager', url, '-connection', file]));
    await intruder.start(signal);
    await intruder.until(({ event }) => event === 'close', signal);
    return intruder;
  }

  /** Where the manager listens. */
  get managerUrl(): string {
    return `unix://${join(this.#parts.folder, 'nsm.io.sock')}`;
  }

  /** Where the daemon listens, as nobody but it and the manager should know. */
  get daemonUrl(): string {
    const line = this.daemonLines.findLast((it) => it.includes('phase: listening')) ?? '';
    return /unix:\/\/[^\s"\]]+/.exec(line)?.[0] ?? '';
  }

  /** Tells of every change of what is registered as a forwarder. */
  async watchForwarders(signal: AbortSignal): Promise<Peer> {
    const watcher = this.#parts.cleanup.use(this.#peer('watcher', ['-registry', registryUrl, '-service', 'forwarder']));
    await watcher.start(signal);
    return watcher;
  }

  /** Resolves when the VF is at home. */
  async home(vf: string, signal: AbortSignal): Promise<void> {
    await eventually(async () => (await this.hardware.atHome(vf)) !== undefined, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.cleanup[Symbol.asyncDispose]();
  }

  /** Where the peers' own logs go; they go with the mesh unless MESH_LOGS names a folder. */
  get #logs(): string {
    return process.env['MESH_LOGS'] ?? this.#parts.folder;
  }

  #peer(role: (typeof peers)[number], args: readonly string[]): Peer {
    const { folder, namespace, cleanup } = this.#parts;
    const program = join(folder, 'bin', role);
    const log = ['-log', join(this.#logs, `${role}.log`)];
    const env = { SPIFFE_ENDPOINT_SOCKET: this.spire.socket };
    return cleanup.use(new Peer({ program, role, args: [...args, ...log], namespace, env }));
  }
}

/** What is there before any of NSM's programs. */
async function surround(cleanup: Cleanup, options: MeshOptions, signal: AbortSignal): Promise<Parts> {
  const folder = await mkdtemp(join(tmpdir(), mark));
  cleanup.add(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'tmp'));
  await writeFile(join(folder, 'pci.config'), pciConfig([pf]));
  const hardware = cleanup.use(await SimulatedHardware.create([pf], folder));
  const kubelet = cleanup.use(
    new SimulatedKubelet({
      devicePluginPath: join(folder, 'device-plugins'),
      podResourcesPath: join(folder, 'pod-resources'),
    }),
  );
  await kubelet.start();
  const namespace = cleanup.use(freshNamespace());
  await runInside(namespace, ['ip', 'link', 'set', 'lo', 'up'], { signal });
  const spire = cleanup.use(await Spire.start({ folder, namespace, grants: grants(folder, options) }, signal));
  return { folder, cleanup, hardware, kubelet, namespace, spire };
}

/** An identity for each of the peers, and for Node, which runs the daemon. */
function grants(folder: string, { certificateLifetime }: MeshOptions) {
  const programs = [
    { program: process.execPath, identity: 'forwarder' },
    ...peers.map((role) => ({ program: peerProgram(join(folder, 'bin'), role), identity: role })),
  ];
  return programs.map((it) => ({
    ...it,
    ...(certificateLifetime !== undefined && { lifetime: certificateLifetime }),
  }));
}
