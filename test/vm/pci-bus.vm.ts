import { expect } from 'chai';
import { type PciBusSubject, pciBusContract } from '../contract/pci-bus.contract.js';
import { failureOf } from '../pci/failure.js';
import { startPod } from './commands.js';
import { firstPf, inTime, RealNode, vfCount } from './real-node.js';

pciBusContract('the sysfs adapter on an 82576 (igb, igbvf, vfio-pci)', createSubject);

describe('the sysfs adapter on an 82576', () => {
  let node: RealNode;

  before(() => {
    node = new RealNode();
  });
  after(() => node[Symbol.dispose]());

  it('names VFs in the order of their numbers and gives each an IOMMU group of its own', async () => {
    const vfs = await node.vfs(firstPf);
    expect(vfs).to.deep.equal(['0000:01:10.0', '0000:01:10.2', '0000:01:10.4', '0000:01:10.6']);
    const facts = await Promise.all([firstPf, ...vfs].map((address) => node.pci.facts(address)));
    const groups = new Set(facts.map((fact) => fact.iommuGroup));
    expect(groups).to.have.length(vfCount + 1);
    expect([...groups]).to.satisfy((all: unknown[]) => all.every(Number.isInteger));
  });

  it('shows no netdev while it is in another namespace', async () => {
    const [vf = firstPf] = await node.vfs(firstPf);
    const { index, name } = await node.renew(vf);
    expect((await node.pci.facts(vf)).netdevs.map((netdev) => netdev.name)).to.deep.equal([name]);
    await using pod = await startPod();
    using namespace = node.namespaces.open(pod.path);
    await node.namespaces.home.links.move(index, namespace, 'nsm-1', inTime());
    expect(await node.pci.facts(vf)).to.deep.include({ driver: 'igbvf', netdevs: [] });
    await node.renew(vf);
  });

  it('refuses more VFs than the card has, with the number it has', async () => {
    await node.bare(firstPf);
    const { current, total } = await node.provisioning.vfCount(firstPf);
    expect({ current, total }).to.deep.equal({ current: 0, total: 7 });
    const failure = await failureOf(node.provisioning.createVfs(firstPf, 8, inTime()));
    expect(failure.kind).to.equal('invalid');
    expect(failure.message).to.contain('expected 1 to 7');
  });
});

async function createSubject(): Promise<PciBusSubject> {
  const node = new RealNode();
  const vfs = await node.vfs(firstPf);
  return {
    bus: node.pci,
    provisioning: node.provisioning,
    physicalFunction: firstPf,
    vfs: vfs.length,
    kernelDriver: 'igbvf',
    userspaceDriver: 'vfio-pci',
    [Symbol.asyncDispose]: async () => node[Symbol.dispose](),
  };
}
