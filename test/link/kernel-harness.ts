import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { KernelNamespaces } from '../../src/link/kernel-namespaces.js';
import { insideNetworkNamespace, openNetworkNamespace } from '../../src/native/network-namespace.js';
import type { NetworkClient, NetworkHarness } from '../contract/network-harness.js';
import { addAltName, createVeth, freshNetwork, ownNetwork } from './own-network.js';

/** The running kernel, in a home namespace made for the test; the links are veths. */
export async function kernelHarness(): Promise<NetworkHarness & { readonly namespaces: KernelNamespaces }> {
  const network = ownNetwork();
  const namespaces = new KernelNamespaces();
  const fresh: Disposable[] = [];
  const clients: NetworkClient[] = [];
  return {
    namespaces,
    freshNamespace: async () => {
      const made = freshNetwork();
      fresh.push(made);
      return made.path;
    },
    startClient: async () => {
      const client = await startClient();
      clients.push(client);
      return client;
    },
    makeVfLink: async (name) => {
      const wire = `${name}-wire`;
      await createVeth(name, wire);
      return { wire };
    },
    addAltName,
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) await client.end();
      for (const made of fresh) made[Symbol.dispose]();
      namespaces[Symbol.dispose]();
      network[Symbol.dispose]();
    },
  };
}

/** A process that does nothing, in a network namespace of its own. */
async function startClient(): Promise<NetworkClient> {
  using made = freshNetwork();
  using file = openNetworkNamespace(made.path);
  const child = insideNetworkNamespace(file, () => spawn('sleep', ['infinity'], { stdio: 'ignore' }));
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  return {
    path: `/proc/${child.pid}/ns/net`,
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
