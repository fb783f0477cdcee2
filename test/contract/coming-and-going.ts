import { expect } from 'chai';
import type { Ending, KubeletHarness } from './kubelet-harness.js';
import { names, type PluginUnderTest } from './plugin-under-test.js';

/** What happens on a node, in any order. */
export type Happening =
  | { readonly do: 'add' | 'remove'; readonly number: number }
  | { readonly do: 'restart-kubelet'; readonly ending: Ending }
  | { readonly do: 'restart-plugin' };

const [name] = names;

/**
 * Lets pods come and go while kubelet and plugin are restarted, and after each step compares what kubelet's checkpoint,
 * the pods' environments and the pool say: no token is lost, none is given twice.
 */
export class ComingAndGoing {
  readonly #kubelet: KubeletHarness;
  readonly #plugin: PluginUnderTest;
  readonly #capacity: number;
  readonly #pods = new Map<string, string>();
  #made = 0;

  constructor(kubelet: KubeletHarness, plugin: PluginUnderTest, capacity: number) {
    this.#kubelet = kubelet;
    this.#plugin = plugin;
    this.#capacity = capacity;
  }

  /** How many pods there have been. */
  get made(): number {
    return this.#made;
  }

  async happen(happening: Happening): Promise<void> {
    switch (happening.do) {
      case 'add':
        if (this.#pods.size < this.#capacity) await this.#add();
        break;
      case 'remove':
        await this.#remove(happening.number);
        break;
      case 'restart-kubelet':
        await this.#kubelet.stop(happening.ending);
        await this.#kubelet.start();
        break;
      case 'restart-plugin':
        await this.#plugin.stop();
        await this.#plugin.start();
    }
    await this.#agree();
  }

  async removeAll(): Promise<void> {
    while (this.#pods.size > 0) await this.#remove(0);
    await this.#agree();
  }

  async #add(): Promise<void> {
    await this.#plugin.counted(name, this.#capacity);
    this.#made += 1;
    const pod = `pod-${this.#made}`;
    const { [`NSM_SRIOV_TOKENS_${name}`]: token = '' } = await this.#kubelet.addPod(pod, { [name]: 1 });
    expect([...this.#pods.values()], 'a token is given to two pods').not.to.include(token);
    expect(token).to.match(/^sriov-/);
    this.#pods.set(pod, token);
  }

  async #remove(number: number): Promise<void> {
    const pod = [...this.#pods.keys()][number % Math.max(this.#pods.size, 1)];
    if (pod === undefined) return;
    this.#pods.delete(pod);
    await this.#kubelet.removePod(pod);
  }

  /** Pods keep their tokens at once and always; that others are given back is noticed after a while. */
  async #agree(): Promise<void> {
    await this.#plugin.counted(name, this.#capacity);
    const given = [...this.#pods.values()].sort();
    expect([...this.#kubelet.held(name)], 'the checkpoint').to.include.members(given);
    expect([...this.#plugin.held(name)], 'the pool').to.include.members(given);
    const same = (ids: ReadonlySet<string>) => [...ids].sort().join() === given.join();
    await this.#kubelet.until('kubelet and pool have what pods have', () =>
      [this.#kubelet.held(name), this.#plugin.held(name)].every(same),
    );
    await this.#kubelet.until('the owners are known', () => this.#plugin.plugin.owners.size === given.length);
    for (const [pod, token] of this.#pods) {
      expect(this.#plugin.plugin.owners.get(token)?.pod, token).to.match(new RegExp(`^${pod}(-|$)`));
    }
  }
}
