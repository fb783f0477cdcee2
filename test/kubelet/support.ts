import { SystemClock } from '../../src/clock/system-clock.js';
import { PodResources } from '../../src/deviceplugin/pod-resources.js';
import type { KubeletHarness } from '../contract/kubelet-harness.js';
import { skipBecause } from '../skip-because.js';
import { RealKubelet } from './real-kubelet.js';

/** Whether the long form was asked for: more pods, and an upgrade of kubelet underneath. */
export const nextKubelet = process.env['KUBELET_NEXT'];

const never = new AbortController().signal;

/** Skips the suite unless the lane has made the programs of a node. */
export function requireKubelet(context: Mocha.Context): void {
  if (process.env['KUBELET_PROGRAM'] === undefined)
    skipBecause(context, 'needs a kubelet: npm run test:kubelet makes it');
}

/** A node with kubelet up, with the programs that the lane has made. */
export function startKubelet(): Promise<RealKubelet> {
  const { KUBELET_PROGRAM: kubelet = '', KUBELET_RUNTIME: runtime = '' } = process.env;
  return RealKubelet.start({ kubelet, runtime });
}

/** A real kubelet of its own, as the contract sees it. */
export async function realHarness(): Promise<KubeletHarness> {
  return harnessOver(await startKubelet());
}

/** A real kubelet as the contract sees it. */
export function harnessOver(node: RealKubelet): KubeletHarness {
  const clock = new SystemClock();
  const podResources = new PodResources(node.podResourcesPath, clock);
  return {
    devicePluginPath: node.devicePluginPath,
    podResourcesPath: node.podResourcesPath,
    clock,
    start: () => node.start(),
    stop: (ending) => node.stop(ending),
    addPod: (name, requests) => node.addPod({ name, requests }),
    removePod: async (name) => {
      node.removePod(name);
      await node.podGone(name);
    },
    held: async (resource) => {
      const { owners } = await podResources.list(new Set([resource]), never);
      return new Set(owners.keys());
    },
    checkpointed: (resource) => node.checkpoint().flatMap((it) => (it.resource === resource ? it.ids : [])),
    until: (what, condition) => node.until(what, condition),
    [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
  };
}
