import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimulatedKubelet, type SimulatedKubeletOptions } from '../../simulation/kubelet/simulated-kubelet.js';
import { DevicePlugin, type DevicePluginParts } from '../../src/deviceplugin/device-plugin.js';
import { pluginSocketName } from '../../src/deviceplugin/socket-file.js';
import type { TokenOffer } from '../../src/deviceplugin/token-offer.js';
import { realClock } from '../sim/real-clock.js';
import { RecordedLog } from './recorded-log.js';

/** Longer than anything here may take; a condition that never holds fails with the titled test. */
const PATIENCE_MS = 50_000;

/** Plugins of one offer and a small kubelet, over real sockets in a folder of their own. */
export class PluginRig implements AsyncDisposable {
  readonly path: string;
  readonly kubelet: SimulatedKubelet;
  readonly clock = realClock(25);
  readonly log = new RecordedLog();
  #plugin: DevicePlugin | undefined;

  private constructor(path: string, more: Partial<SimulatedKubeletOptions>) {
    this.path = path;
    const folders = { devicePluginPath: this.devicePluginPath, podResourcesPath: this.podResourcesPath };
    this.kubelet = new SimulatedKubelet({ ...folders, dialTimeout: 200, ...more });
  }

  static async create(more: Partial<SimulatedKubeletOptions> = {}): Promise<PluginRig> {
    return new PluginRig(await mkdtemp(join(tmpdir(), 'plugin-')), more);
  }

  get devicePluginPath(): string {
    return join(this.path, 'device-plugins');
  }

  get podResourcesPath(): string {
    return join(this.path, 'pod-resources');
  }

  get plugin(): DevicePlugin {
    if (this.#plugin === undefined) throw new Error('the plugin has not been started');
    return this.#plugin;
  }

  socketOf(resource: string): string {
    return join(this.devicePluginPath, pluginSocketName(resource));
  }

  async startPlugin(offer: TokenOffer, pollInterval = 1_000): Promise<DevicePlugin> {
    const plugin = await this.restorePlugin(offer, { pollInterval });
    plugin.serve();
    return plugin;
  }

  /** The first of the two steps of a start. */
  async restorePlugin(
    offer: TokenOffer,
    more: Partial<DevicePluginParts> = {},
    signal = AbortSignal.timeout(PATIENCE_MS),
  ): Promise<DevicePlugin> {
    const { clock, log, devicePluginPath, podResourcesPath } = this;
    const parts = { offer, clock, log, devicePluginPath, podResourcesPath, pollInterval: 1_000, ...more };
    this.#plugin = await DevicePlugin.restore(parts, signal);
    return this.#plugin;
  }

  async stopPlugin(): Promise<void> {
    await this.#plugin?.[Symbol.asyncDispose]();
    this.#plugin = undefined;
  }

  /** Waits until a look at anything says yes. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    while (!(await condition())) {
      if (signal.aborted) throw new Error(`it never became true; the log:\n${this.log.lines.join('\n')}`);
      await this.clock.sleep(100);
    }
  }

  /** Waits until kubelet may allocate so many tokens of the resource. */
  async allocatable(resource: string, count: number): Promise<void> {
    await this.until(() => this.kubelet.resource(resource)?.allocatable === count);
  }

  /** Waits for so many more polls of pod-resources to be answered. */
  async polls(count: number): Promise<void> {
    // One more than asked for: when it arrives the one before it has been acted upon.
    const enough = this.kubelet.lists.length + count + 1;
    await this.until(() => this.kubelet.lists.length >= enough);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopPlugin();
    await this.kubelet.stop();
    await rm(this.path, { recursive: true, force: true });
  }
}
