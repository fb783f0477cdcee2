import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { NetworkHarness } from '../contract/network-harness.js';
import type { DriverQuirks } from './driver-quirks.js';
import { SimNode } from './node.js';

const pf = '0000:01:00.0';

/** A simulated node for the contract suites of links and addressing: a PF with two VFs and links made on demand. */
export async function simNetworkHarness(quirks: DriverQuirks): Promise<NetworkHarness> {
  const node = new SimNode({ pfs: [{ address: pf, name: 'pf0', vfs: 2, quirks }] });
  const link = await node.namespaces.home.links.find({ name: 'pf0' }, new AbortController().signal);
  if (link === undefined) throw new Error('no link pf0');
  let paths = 0;
  return {
    namespaces: node.namespaces,
    freshNamespace: async () => node.addNamespace(`/sim/ns/${paths++}`),
    startClient: async () => {
      const path = node.addNamespace(`/sim/ns/${paths++}`);
      return { path, end: async () => node.killNamespace(path) };
    },
    makeVfLink: async (name) => {
      node.others.addLink('home', name);
      return {};
    },
    addAltName: async (index, altName) => {
      const target = await node.namespaces.home.links.find({ index }, new AbortController().signal);
      node.others.addAltName('home', target?.name ?? '', altName);
    },
    physicalFunction: { index: link.index, vfs: 2, address: parsePciAddress(pf) },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
