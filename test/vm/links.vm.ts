import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { describeLinksContract } from '../contract/links.contract.js';
import { describeNamespacesContract } from '../contract/namespaces.contract.js';
import { failure, type NetworkHarness } from '../contract/network-harness.js';
import { output, type Pod, startPod } from './commands.js';
import { firstPf, inTime, RealNode, secondPf } from './real-node.js';

const suite = { name: 'an 82576 and its VFs', create: createHarness };
describeNamespacesContract(suite);
describeLinksContract(suite);

describe('the PF of igbvf', () => {
  let node: RealNode;
  let pfIndex: number;

  before(async () => {
    node = new RealNode();
    await node.vfs(firstPf);
    pfIndex = await node.pfIndex(firstPf);
  });
  after(() => node[Symbol.dispose]());

  const links = () => node.namespaces.home.links;

  it('takes trust, spoof check and rates of a VF, one by one', async () => {
    const before = await links().readVf(pfIndex, 2, inTime());
    expect(before).to.include({ spoofCheck: true, trust: false, linkState: 'auto', maxTxRate: 0 });
    for (const change of [{ trust: true }, { spoofCheck: false }, { minTxRate: 0, maxTxRate: 100 }]) {
      await links().changeVf(pfIndex, 2, change, inTime());
      expect(await links().readVf(pfIndex, 2, inTime())).to.include(change);
    }
    await links().changeVf(pfIndex, 2, { trust: false, spoofCheck: true, minTxRate: 0, maxTxRate: 0 }, inTime());
    expect(await links().readVf(pfIndex, 2, inTime())).to.deep.equal(before);
  });

  it('says what its driver cannot do: link states, QinQ, least rates', async () => {
    const before = await links().readVf(pfIndex, 2, inTime());
    await failure('unsupported', links().changeVf(pfIndex, 2, { linkState: 'enable' }, inTime()));
    await failure('unsupported', links().changeVf(pfIndex, 2, { vlan: 5, vlanProtocol: '802.1ad' }, inTime()));
    await failure('invalid', links().changeVf(pfIndex, 2, { minTxRate: 10, maxTxRate: 100 }, inTime()));
    expect(await links().readVf(pfIndex, 2, inTime())).to.deep.equal(before);
  });

  it('keeps a VF that it does not trust from another MAC than the one it was given', async () => {
    const [, , vf = firstPf] = await node.vfs(firstPf);
    const before = await links().readVf(pfIndex, 2, inTime());
    await links().changeVf(pfIndex, 2, { mac: parseMac('02:00:00:00:01:02') }, inTime());
    const netdev = await node.renew(vf);
    expect(netdev.mac).to.equal('02:00:00:00:01:02');
    const other = parseMac('02:00:00:00:01:03');
    const refusal = await failure('denied', links().change(netdev.index, { mac: other }, inTime()));
    expect(refusal.message).to.contain('the PF has set another MAC');
    await links().changeVf(pfIndex, 2, { mac: before.mac }, inTime());
    expect((await node.renew(vf)).mac).to.equal(before.mac);
  });
});

/** Links are netdevs of the first card's VFs, each as if just made; the PF under test is the second card. */
async function createHarness(): Promise<NetworkHarness> {
  const node = new RealNode();
  const vfs = await node.vfs(firstPf);
  await node.vfs(secondPf);
  const used: PciAddress[] = [];
  const pods: Pod[] = [];
  const pfIndex = await node.pfIndex(secondPf);
  const { links } = node.namespaces.home;
  return {
    namespaces: node.namespaces,
    physicalFunction: { index: pfIndex, address: secondPf, vfs: vfs.length },
    async freshNamespace() {
      const pod = await startPod();
      pods.push(pod);
      return pod.path;
    },
    async startClient() {
      const pod = await startPod();
      pods.push(pod);
      return { path: pod.path, end: pod.die };
    },
    async makeVfLink(name) {
      const vf = vfs[used.length];
      if (vf === undefined) throw new Error(`only ${vfs.length} VFs`);
      used.push(vf);
      const { index } = await node.renew(vf);
      await links.change(index, { name }, inTime());
      return {};
    },
    addAltName: async (index, altName) => {
      const link = await links.find({ index }, inTime());
      await output('ip', 'link', 'property', 'add', 'dev', link?.name ?? '', 'altname', altName);
    },
    async [Symbol.asyncDispose]() {
      for (const pod of pods) await pod.die();
      for (const vf of used) await node.renew(vf);
      node[Symbol.dispose]();
    },
  };
}
