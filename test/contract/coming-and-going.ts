import { expect } from 'chai';
import type { Ending, KubeletHarness } from './kubelet-harness.js';

/** What happens on a node, in any order. */
export type Happening =
  | { readonly do: 'add' | 'remove'; readonly number: number }
  | { readonly do: 'restart-kubelet'; readonly ending: Ending }
  | { readonly do: 'restart-plugin' };

/** A device plugin, alone or in its daemon, that can be ended and started anew. */
export interface RestartablePlugin {
  /** However it ends: also in the middle of everything. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Resolves when kubelet itself says that so many tokens of the resource can be allocated. */
  counted(resource: string, count: number): Promise<void>;
  /** Ids that it thinks pods have, where it can be asked. */
  held?(resource: string): ReadonlySet<string>;
  /** The pod that it thinks has the token, where it can be asked. */
  ownerOf?(token: string): string | undefined;
}

/** Where pods come and go. */
export interface ComingAndGoingParts {
  readonly kubelet: KubeletHarness;
  readonly plugin: RestartablePlugin;
  readonly resource: string;
  /** How many tokens there are. */
  readonly capacity: number;
}

/**
 * Lets pods come and go while kubelet and plugin are restarted, and after each step compares what kubelet's checkpoint,
 * the pods' environments and the pool say: no token is lost, none is given twice.
 */
export class ComingAndGoing {
  readonly #parts: ComingAndGoingParts;
  readonly #pods = new Map<string, string>();
  #made = 0;

  constructor(parts: ComingAndGoingParts) {
    this.#parts = parts;
  }

  /** How many pods there have been. */
  get made(): number {
    return this.#made;
  }

  /** How many pods there are. */
  get present(): number {
    return this.#pods.size;
  }

  async happen(happening: Happening): Promise<void> {
    const { kubelet, plugin, capacity } = this.#parts;
    switch (happening.do) {
      case 'add':
        if (this.#pods.size < capacity) await this.#add();
        break;
      case 'remove':
        await this.#remove(happening.number);
        break;
      case 'restart-kubelet':
        await kubelet.stop(happening.ending);
        await kubelet.start();
        break;
      case 'restart-plugin':
        await plugin.stop();
        await plugin.start();
    }
    await this.#agree();
  }

  async removeAll(): Promise<void> {
    while (this.#pods.size > 0) await this.#remove(0);
    await this.#agree();
  }

  async #add(): Promise<void> {
    const { kubelet, plugin, resource, capacity } = this.#parts;
    await plugin.counted(resource, capacity); // a pod whose resource nobody has registered starts without it
    this.#made += 1;
    const pod = `pod-${this.#made}`;
    const { [`NSM_SRIOV_TOKENS_${resource}`]: token = '' } = await kubelet.addPod(pod, { [resource]: 1 });
    expect([...this.#pods.values()], 'a token is given to two pods').not.to.include(token);
    expect(token).to.match(/^sriov-/);
    this.#pods.set(pod, token);
  }

  async #remove(number: number): Promise<void> {
    const pod = [...this.#pods.keys()][number % Math.max(this.#pods.size, 1)];
    if (pod === undefined) return;
    this.#pods.delete(pod);
    await this.#parts.kubelet.removePod(pod);
  }

  /**
   * For the checkpoint and the plugin pods keep their tokens at once and always; that others are given back is noticed
   * after a while. Kubelet's own list is empty for a moment after its start, though its pods run.
   */
  async #agree(): Promise<void> {
    const { kubelet, plugin, resource, capacity } = this.#parts;
    await plugin.counted(resource, capacity);
    const given = [...this.#pods.values()].sort();
    const checkpointed = kubelet.checkpointed(resource);
    expect(new Set(checkpointed).size, 'an id is twice in the checkpoint').to.equal(checkpointed.length);
    const heldByPlugin = () => plugin.held?.(resource) ?? new Set(given);
    for (const ids of [checkpointed, heldByPlugin()]) expect([...ids]).to.include.members(given);
    const accounts = async () => [await kubelet.held(resource), heldByPlugin()];
    const same = (ids: ReadonlySet<string>) => [...ids].sort().join() === given.join();
    await kubelet.until('kubelet and plugin have what pods have', async () => (await accounts()).every(same));
    const { ownerOf } = plugin;
    if (ownerOf === undefined) return;
    await kubelet.until('the owners are known', () =>
      [...this.#pods].every(([pod, token]) => new RegExp(`^${pod}(-|$)`).test(ownerOf.call(plugin, token) ?? '')),
    );
  }
}
