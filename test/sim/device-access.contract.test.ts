import type { Cgroup, DeviceNumber } from '../../src/ports/device-access.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import type { DeviceAccessHarness } from '../contract/device-access-harness.js';
import type { SimCgroup } from './cgroup-tree.js';
import { SimNode } from './node.js';

for (const version of [1, 2] as const) {
  describeDeviceAccessContract({ name: `SimNode (cgroup v${version})`, create: async () => harness(version) });
}

function harness(version: 1 | 2): DeviceAccessHarness {
  const node = new SimNode({ cgroups: version });
  const { tree } = node.pods;
  const verdict = async (cgroup: Cgroup, device: DeviceNumber) =>
    tree.allows(cgroup, device) ? 'allowed' : 'forbidden';
  const plain = ({ path, inode }: SimCgroup): Cgroup => ({ path, inode });
  return {
    access: node.deviceAccess,
    rulesHaveAuthors: tree.rulesHaveAuthors,
    addPod: async (pod, { forbids } = {}) => plain(tree.addPod(pod, forbids)),
    addContainer: async (parent, name, allows) => plain(tree.addContainer(parent, name, allows)),
    updateContainer: async (container, allows) => tree.update(container, allows),
    removeCgroup: async (cgroup) => tree.remove(cgroup),
    open: verdict,
    makeNode: verdict,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
