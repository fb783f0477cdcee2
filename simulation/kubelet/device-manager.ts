import type { Device, DevicePluginOptions } from '../../apis/generated/deviceplugin-v1beta1.js';
import type { PluginEndpoint } from './plugin-endpoint.js';

/** A resource as this kubelet process knows it. A new process begins without any. */
export interface KnownResource {
  devices: readonly Device[];
  endpoint: PluginEndpoint | undefined;
  options: DevicePluginOptions;
}

/**
 * Kubelet's device manager: who serves which resource and with which devices. It keeps kubelet's fault of cleaning up by
 * resource name (kubernetes #121994): when any stream of a resource ends, the plugin registered last is disconnected.
 */
export class DeviceManager {
  readonly #resources = new Map<string, KnownResource>();
  readonly #following = new Set<PluginEndpoint>();
  readonly #onChange: () => void;
  #closed = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  find(resource: string): KnownResource | undefined {
    return this.#resources.get(resource);
  }

  get names(): readonly string[] {
    return [...this.#resources.keys()];
  }

  /** Streams that are open now, also of plugins that were replaced. */
  get streams(): number {
    return this.#following.size;
  }

  /** The newest registration replaces the one before, whose stream goes on. */
  register(resource: string, endpoint: PluginEndpoint, options: DevicePluginOptions): void {
    if (this.#closed) {
      endpoint.close();
      return;
    }
    const known = this.#resources.get(resource) ?? { devices: [], endpoint, options };
    this.#resources.set(resource, { ...known, endpoint, options });
    this.#following.add(endpoint);
    endpoint.follow(
      (devices) => this.#devices(resource, devices),
      () => this.#streamEnded(resource, endpoint),
    );
  }

  /** Kubelet takes the resource for lost, and goes on reading its stream. */
  forget(resource: string): void {
    const known = this.#resources.get(resource);
    if (known !== undefined) known.devices = known.devices.map((device) => ({ ...device, health: 'Unhealthy' }));
    this.#onChange();
  }

  /** Kubelet ends the stream of the plugin registered last, as after a failed read. */
  disconnect(resource: string): void {
    this.#resources.get(resource)?.endpoint?.close();
  }

  /** The kubelet process dies: every connection is cut. */
  close(): void {
    this.#closed = true;
    const endpoints = [...this.#following];
    this.#following.clear();
    for (const endpoint of endpoints) endpoint.close();
  }

  #devices(resource: string, devices: readonly Device[]): void {
    const known = this.#resources.get(resource);
    if (known !== undefined) known.devices = devices;
    this.#onChange();
  }

  #streamEnded(resource: string, endpoint: PluginEndpoint): void {
    if (!this.#following.delete(endpoint)) return;
    endpoint.close();
    const known = this.#resources.get(resource);
    if (known !== undefined) {
      known.endpoint?.close();
      known.endpoint = undefined;
      known.devices = known.devices.map((device) => ({ ...device, health: 'Unhealthy' }));
    }
    this.#onChange();
  }
}
