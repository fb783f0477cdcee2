import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CgroupVersion } from '../../simulation/cgroups/mounted-hierarchy.js';
import { NodeCgroups } from '../../simulation/cgroups/node-cgroups.js';
import type { Cleanup } from '../../simulation/cleanup.js';
import { SimulatedHardware } from '../../simulation/hardware.js';
import { SimulatedKubelet } from '../../simulation/kubelet/simulated-kubelet.js';
import { pathOf } from '../../simulation/network/fresh-namespace.js';
import { runInside } from '../../simulation/network/run-inside.js';
import { namesOf, pciConfig } from '../../simulation/node-options.js';
import { daemonEnvironment } from '../../simulation/surroundings.js';
import { VfioNodes } from '../../simulation/vfio-nodes.js';
import { parsePodUid } from '../../src/ports/pod-cgroup.js';
import { MeshClient } from './client.js';
import { eventually } from './eventually.js';
import { connectFarEnd } from './far-end.js';
import { ForwarderUnderTest, prepareForVfio } from './forwarder-under-test.js';
import { MeshPeers } from './mesh-peers.js';
import type { Peer } from './peer.js';
import { PodWithDevices } from './pod-with-devices.js';

/** The network service of all tests. */
export const networkService = 'sriov-kernel2noop';

const pf = { address: '0000:01:00.0', totalVfs: 8, vfs: 8 };
const [resource = ''] = namesOf(pf);

export interface MeshNodeOptions {
  /** One letter. */
  readonly name: string;
  /** The mesh's folder. */
  readonly folder: string;
  readonly cleanup: Cleanup;
  /** By which other nodes reach it. */
  readonly address: string;
  readonly registryUrl: string;
  /** Of the node's pods; without it they have none, and there is no VFIO. */
  readonly cgroups?: CgroupVersion;
}

interface Parts {
  readonly peers: MeshPeers;
  readonly hardware: SimulatedHardware;
  readonly kubelet: SimulatedKubelet;
  readonly cgroups: NodeCgroups | undefined;
}

export interface MeshClientWish {
  readonly tokenLifetime?: string;
  /** KERNEL unless told. */
  readonly mechanism?: 'kernel' | 'vfio';
  /** It keeps its connection, or asks for one after the other; keeps unless told. */
  readonly role?: 'client' | 'churn';
}

/** A node of a mesh: a real manager and our compiled daemon in its network namespace, simulated cards and kubelet. */
export class MeshNode {
  readonly managerName: string;
  readonly daemonName: string;
  readonly hardware: SimulatedHardware;
  readonly peers: MeshPeers;
  readonly manager: Peer;
  /** All that there were. */
  readonly clients: MeshClient[] = [];
  readonly #options: MeshNodeOptions;
  readonly #parts: Parts;
  #daemon: ForwarderUnderTest | undefined;

  private constructor(options: MeshNodeOptions, parts: Parts) {
    const { name, address, registryUrl } = options;
    this.#options = options;
    this.#parts = parts;
    this.hardware = parts.hardware;
    this.peers = parts.peers;
    this.managerName = `nsmgr-${name}`;
    this.daemonName = `forwarder-${name}`;
    const listen = `${this.managerUrl},tcp://${address}:15001`;
    const recording = process.env['MESH_RECORDING'];
    this.manager = this.peers.peer('manager', [
      ...['-name', this.managerName, '-listen', listen, '-registry', registryUrl],
      ...(recording === undefined ? [] : ['-record', recording]),
    ]);
  }

  /** Everything of it that needs no identity. */
  static async create(options: MeshNodeOptions): Promise<MeshNode> {
    const { name, cleanup, cgroups: version } = options;
    const folder = folderOf(options);
    await mkdir(join(folder, 'tmp'), { recursive: true });
    await writeFile(join(folder, 'pci.config'), pciConfig([pf]));
    const vfio = version === undefined ? undefined : await VfioNodes.create(join(folder, 'vfio'));
    const cgroups = version && cleanup.use(new NodeCgroups(version, `${basename(options.folder)}-${name}`));
    const hardware = cleanup.use(await SimulatedHardware.create([pf], folder, { vfio }));
    if (vfio !== undefined) await prepareForVfio(hardware.tree.roots.devices, pf.address);
    const kubelet = new SimulatedKubelet({
      devicePluginPath: join(folder, 'device-plugins'),
      podResourcesPath: join(folder, 'pod-resources'),
    });
    await cleanup.use(kubelet).start();
    const peers = new MeshPeers({ folder: options.folder, node: name, namespace: hardware.home, cleanup });
    await peers.prepare();
    return new MeshNode(options, { peers, hardware, kubelet, cgroups });
  }

  /** Gives it the address by which it is reached. */
  async configure(signal: AbortSignal): Promise<void> {
    const { address } = this.#options;
    await this.tell([`link set lo up`, `address add ${address}/32 dev lo`], signal);
  }

  /** Changes something in its network. */
  async tell(commands: readonly string[], signal: AbortSignal): Promise<void> {
    const input = commands.map((command) => `${command}\n`).join('');
    const { status, errors } = await runInside(this.hardware.home, ['ip', '-batch', '-'], { input, signal });
    if (status !== 0) throw new Error(`the network of node ${this.#options.name}: ${errors.trim()}`);
  }

  /** By which other nodes reach it. */
  get address(): string {
    return this.#options.address;
  }

  get daemon(): ForwarderUnderTest {
    if (this.#daemon === undefined) throw new Error('the daemon was not started');
    return this.#daemon;
  }

  /** What the daemon has written since it was last started. */
  get daemonLines(): readonly string[] {
    return this.#daemon?.lines ?? [];
  }

  /** Starts the daemon, once or again after its end; resolves when it is registered, with how long that took, ms. */
  async startDaemon(signal: AbortSignal): Promise<number> {
    const { hardware, kubelet, cgroups } = this.#parts;
    const env = {
      ...daemonEnvironment({ folder: folderOf(this.#options), hardware, cgroups }, this.daemonName),
      ...this.peers.common('').env,
      // Beside the manager's, as in the DaemonSet: a Request is not refused for a new URL after a restart.
      NSM_LISTEN_ON: this.daemonUrl,
    };
    const started = performance.now();
    const daemon = new ForwarderUnderTest(hardware.home, env);
    this.#daemon = this.#options.cleanup.use(daemon);
    await daemon.registered(signal);
    const took = performance.now() - started;
    await kubelet.until(() => (kubelet.resource(resource)?.allocatable ?? 0) > 0, signal);
    return took;
  }

  /** A client in a pod of its own, with a token for one VF. */
  async client(wish: MeshClientWish = {}): Promise<MeshClient> {
    const { tokenLifetime = '10m', mechanism = 'kernel', role = 'client' } = wish;
    const name = `nsc-${this.clients.length + 1}`;
    const requests = { [resource]: 1 };
    const podEnv = await this.#parts.kubelet.addPod({ namespace: 'default', name, container: 'nsc', requests });
    const pod = mechanism === 'vfio' ? await this.#podWithDevices(name) : undefined;
    const service = `${mechanism}://${networkService}/nsm-1?sriovToken=${resource}`;
    const toManager = ['-manager', this.managerUrl, '-service', service];
    const { args, env } = this.peers.common(name);
    const client = new MeshClient({
      name,
      program: this.peers.program(role),
      role,
      args: ['-name', name, ...toManager, '-token-lifetime', tokenLifetime, ...(pod?.args ?? []), ...args],
      env: { ...podEnv, ...env },
      pod,
      onGranted: async (connection) => {
        if (mechanism === 'vfio') return;
        const port = this.hardware.port(connection.mechanism.parameters['pciAddress'] ?? '');
        await connectFarEnd({ far: this.hardware.far, port, connection }, AbortSignal.timeout(5_000));
      },
      onEnd: ({ id }) => this.hardware.released(BigInt(id.split('/')[1] ?? '0')),
    });
    this.hardware.hold(pathOf(client.namespace));
    this.clients.push(client);
    return this.#options.cleanup.use(client);
  }

  /** Where the manager listens for this node's own programs. */
  get managerUrl(): string {
    return `unix://${join(folderOf(this.#options), 'nsm.io.sock')}`;
  }

  /** Where an endpoint on this node listens. */
  get endpointUrl(): string {
    return `unix://${join(folderOf(this.#options), 'nse.sock')}`;
  }

  /** Where the daemon listens, as nobody but it and the manager should know. */
  get daemonUrl(): string {
    return `unix://${join(folderOf(this.#options), 'forwarder.io.sock')}`;
  }

  /** Resolves when the VF is at home, and its driver has its netdev. */
  async home(vf: string, signal: AbortSignal): Promise<void> {
    await eventually(async () => (await this.hardware.atHome(vf)) !== undefined, signal);
  }

  async #podWithDevices(name: string): Promise<PodWithDevices> {
    const { cgroups, kubelet } = this.#parts;
    if (cgroups === undefined) throw new Error('pods of this node have no cgroups');
    const uid = parsePodUid(kubelet.uidOf('default', name));
    const container = await cgroups.start(uid, 'nsc');
    this.#options.cleanup.add(() => cgroups.end(container));
    return PodWithDevices.create({ container, folder: join(folderOf(this.#options), `${name}-vfio`), uid });
  }
}

function folderOf({ folder, name }: Pick<MeshNodeOptions, 'folder' | 'name'>): string {
  return join(folder, name);
}
