import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedKubelet } from '../../simulation/kubelet/simulated-kubelet.js';
import type { Ending, KubeletHarness } from '../contract/kubelet-harness.js';
import { realClock } from '../sim/real-clock.js';

const patienceMs = 50_000;

/** The simulated kubelet as the contract sees it. */
export class ModelKubelet implements KubeletHarness {
  readonly clock = realClock(25);
  readonly kubelet: SimulatedKubelet;
  readonly devicePluginPath: string;
  readonly podResourcesPath: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.devicePluginPath = join(folder, 'device-plugins');
    this.podResourcesPath = join(folder, 'pod-resources');
    const { devicePluginPath, podResourcesPath } = this;
    this.kubelet = new SimulatedKubelet({ devicePluginPath, podResourcesPath, dialTimeout: 500 });
  }

  static async create(): Promise<ModelKubelet> {
    const model = new ModelKubelet(await mkdtemp(join(tmpdir(), 'kubelet-')));
    await model.start();
    return model;
  }

  start(): Promise<void> {
    return this.kubelet.start();
  }

  stop(ending: Ending): Promise<void> {
    return this.kubelet.stop(ending);
  }

  addPod(name: string, requests: Readonly<Record<string, number>>): Promise<Record<string, string>> {
    return this.kubelet.addPod({ namespace: 'default', name, container: 'app', requests });
  }

  async removePod(name: string): Promise<void> {
    this.kubelet.removePod('default', name);
  }

  async held(resource: string): Promise<ReadonlySet<string>> {
    return this.kubelet.held(resource);
  }

  checkpointed(resource: string): readonly string[] {
    return [...this.kubelet.held(resource)];
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + patienceMs;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`it never became true: ${what}`);
      await this.clock.sleep(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kubelet.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
