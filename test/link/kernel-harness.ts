import { KernelNamespaces } from '../../src/link/kernel-namespaces.js';
import type { NetworkHarness } from '../contract/network-harness.js';
import { addAltName, createVeth, freshNetwork, ownNetwork } from './own-network.js';

/** The running kernel, in a home namespace made for the test; the links are veths. */
export async function kernelHarness(): Promise<NetworkHarness & { readonly namespaces: KernelNamespaces }> {
  const network = ownNetwork();
  const namespaces = new KernelNamespaces();
  const fresh: Disposable[] = [];
  return {
    namespaces,
    freshNamespace: async () => {
      const made = freshNetwork();
      fresh.push(made);
      return made.path;
    },
    makeVfLink: async (name) => {
      const wire = `${name}-wire`;
      await createVeth(name, wire);
      return { wire };
    },
    addAltName,
    [Symbol.asyncDispose]: async () => {
      for (const made of fresh) made[Symbol.dispose]();
      namespaces[Symbol.dispose]();
      network[Symbol.dispose]();
    },
  };
}
