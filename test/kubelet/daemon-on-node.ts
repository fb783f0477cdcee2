import { Cleanup } from '../../simulation/cleanup.js';
import { SimulatedNode } from '../../simulation/node.js';
import type { RestartablePlugin } from '../contract/coming-and-going.js';
import type { KubeletHarness } from '../contract/kubelet-harness.js';
import { counted } from '../contract/plugin-under-test.js';
import type { RealKubelet } from './real-kubelet.js';
import { harnessOver, startKubelet } from './support.js';

const patienceMs = 60_000;

/** The compiled daemon on a simulated node, registered with a real kubelet. */
export class DaemonOnNode implements RestartablePlugin, AsyncDisposable {
  readonly kubelet: RealKubelet;
  readonly harness: KubeletHarness;
  readonly node: SimulatedNode;
  readonly #cleanup: Cleanup;
  /** How the daemon ends the next time. */
  ending: 'SIGTERM' | 'SIGKILL' = 'SIGKILL';

  private constructor(parts: { kubelet: RealKubelet; node: SimulatedNode; cleanup: Cleanup }) {
    this.kubelet = parts.kubelet;
    this.harness = harnessOver(parts.kubelet);
    this.node = parts.node;
    this.#cleanup = parts.cleanup;
  }

  /** Resolves when kubelet counts all tokens. */
  static async start(vfs: number, env: Readonly<Record<string, string>> = {}): Promise<DaemonOnNode> {
    const cleanup = new Cleanup();
    try {
      const kubelet = cleanup.use(await startKubelet());
      const paths = {
        NSM_DEVICE_PLUGIN_PATH: kubelet.devicePluginPath,
        NSM_POD_RESOURCES_PATH: kubelet.podResourcesPath,
      };
      const physicalFunctions = [{ address: '0000:01:00.0', totalVfs: vfs, vfs }];
      const options = { physicalFunctions, otherKubelet: true as const };
      const signal = AbortSignal.timeout(patienceMs);
      const node = cleanup.use(await SimulatedNode.create({ ...options, env: { ...paths, ...env } }, signal));
      const daemon = new DaemonOnNode({ kubelet, node, cleanup });
      await daemon.start();
      await daemon.counted(daemon.resource, vfs);
      return daemon;
    } catch (error) {
      await cleanup[Symbol.asyncDispose]();
      throw error;
    }
  }

  get resource(): string {
    const [resource = ''] = this.node.resources;
    return resource;
  }

  /** Where the daemon serves, as other programs find it. */
  get url(): string {
    const line = this.node.daemon.lines.find((it) => it.includes('phase: listening')) ?? '{}';
    return (JSON.parse(line) as { url?: string }).url ?? '';
  }

  async start(): Promise<void> {
    await this.node.startDaemon(AbortSignal.timeout(patienceMs));
  }

  async stop(): Promise<void> {
    await this.node.daemon.stop(this.ending);
  }

  counted(resource: string, count: number): Promise<void> {
    return counted(this.harness, resource, count);
  }

  /** A pod with one token; returns that. */
  async addPod(name: string): Promise<string> {
    const environment = await this.harness.addPod(name, { [this.resource]: 1 });
    return environment[`NSM_SRIOV_TOKENS_${this.resource}`] ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}
