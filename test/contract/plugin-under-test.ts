import { randomUUID } from 'node:crypto';
import { offerFromPool } from '../../src/daemon/offer-from-pool.js';
import { DevicePlugin } from '../../src/deviceplugin/device-plugin.js';
import { PodResources } from '../../src/deviceplugin/pod-resources.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import type { RestartablePlugin } from './coming-and-going.js';
import type { KubeletHarness } from './kubelet-harness.js';

const never = new AbortController().signal;

/** Two names over the VFs of one PF. */
export const names = ['service.domain.1/10G', 'service.domain.1/20G'] as const;

/** Ids that kubelet itself says can be allocated; none while it does not say. */
async function allocatable(kubelet: KubeletHarness, resource: string): Promise<ReadonlySet<string>> {
  const ids = await new PodResources(kubelet.podResourcesPath, kubelet.clock).allocatable(never).catch(() => undefined);
  return ids?.get(resource) ?? new Set();
}

/** Waits until kubelet itself says that so many can be allocated. */
export async function counted(kubelet: KubeletHarness, resource: string, count: number): Promise<void> {
  const what = `${count} of ${resource} can be allocated`;
  await kubelet.until(what, async () => (await allocatable(kubelet, resource)).size === count);
}

/** The device plugin over a pool of its own, as often as it is started anew. */
export class PluginUnderTest implements RestartablePlugin, AsyncDisposable {
  readonly #kubelet: KubeletHarness;
  readonly #vfs: number;
  readonly log = new RecordedLog();
  pool: ResourcePool;
  #plugin: DevicePlugin | undefined;

  constructor(kubelet: KubeletHarness, vfs: number) {
    this.#kubelet = kubelet;
    this.#vfs = vfs;
    this.pool = this.#freshPool();
  }

  get plugin(): DevicePlugin {
    if (this.#plugin === undefined) throw new Error('the plugin was not started');
    return this.#plugin;
  }

  /** A forwarder's start: nothing of the one before is known but what kubelet says. */
  async start(): Promise<void> {
    const { devicePluginPath, podResourcesPath, clock } = this.#kubelet;
    this.pool = this.#freshPool();
    const offer = offerFromPool(this.pool, () => undefined);
    const parts = { offer, clock, log: this.log, devicePluginPath, podResourcesPath, pollInterval: 500 };
    this.#plugin = await DevicePlugin.restore(parts, never);
    this.#plugin.serve();
  }

  async stop(): Promise<void> {
    await this.#plugin?.[Symbol.asyncDispose]();
    this.#plugin = undefined;
  }

  allocatable(name: string): Promise<ReadonlySet<string>> {
    return allocatable(this.#kubelet, name);
  }

  counted(name: string, count: number): Promise<void> {
    return counted(this.#kubelet, name, count);
  }

  ownerOf(token: string): string | undefined {
    return this.plugin.owners.get(token)?.pod;
  }

  /** Ids that the pool thinks pods have. */
  held(name: string): ReadonlySet<string> {
    return new Set(this.pool.tokens(name).flatMap(({ id, heldByPod }) => (heldByPod ? [id] : [])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #freshPool(): ResourcePool {
    const virtualFunctions = Array.from({ length: this.#vfs }, (_, vf) => {
      const address = `01:${(0x10 + (vf >> 3)).toString(16)}.${vf & 7}`;
      return { address: parsePciAddress(address), groupHasPhysicalFunction: false };
    });
    const physicalFunction = { address: parsePciAddress('01:00.0'), names: [...names], virtualFunctions };
    return new ResourcePool({ physicalFunctions: [physicalFunction] }, () => `sriov-${randomUUID()}` as TokenId);
  }
}
