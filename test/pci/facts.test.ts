import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { SystemClock } from '../../src/clock/system-clock.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { failureOf } from './failure.js';
import { createNode, never, pf, vf } from './sysfs-node.js';

describe('facts of a PCI function', () => {
  it('B7, P4: a short address of the settings finds the folder of its long form', async () => {
    await using node = await createNode();
    const facts = await node.bus.facts(parsePciAddress('01:10.0'));
    expect(facts.address).to.equal('0000:01:10.0');
    expect(facts.physicalFunction).to.equal(pf);
  });

  it('B7: upper case and a domain of five digits (VMD) find their folder', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: '10000:E1:00.0', totalVfs: 2, vfs: 2 }] });
    const address = parsePciAddress('10000:E1:00.0');
    expect(await node.bus.virtualFunctions(address)).to.deep.equal(['10000:e1:10.0', '10000:e1:10.2']);
    expect((await node.bus.facts(parsePciAddress('10000:E1:10.2'))).physicalFunction).to.equal(address);
  });

  it('B13, P3: a function without IOMMU group has none, and all else about it', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 2, vfs: 2, groups: 'none' }] });
    expect(await node.bus.facts(vf)).to.deep.equal({
      address: vf,
      driver: 'igbvf',
      physicalFunction: pf,
      netdevs: [],
    });
  });

  it('group 0 is a group', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 1, vfs: 1, groups: () => 0 }] });
    expect((await node.bus.facts(vf)).iommuGroup).to.equal(0);
  });

  it('without ACS a PF and its VFs share one group', async () => {
    await using node = await createNode({
      physicalFunctions: [{ address: pf, totalVfs: 2, vfs: 2, groups: 'shared' }],
    });
    const facts = await Promise.all([pf, vf, parsePciAddress('01:10.2')].map((address) => node.bus.facts(address)));
    expect(new Set(facts.map((fact) => fact.iommuGroup)).size).to.equal(1);
  });

  it('B13, P6: a group that is no number is an error that shows its text, never group 0', async () => {
    await using node = await createNode();
    const link = join(node.tree.roots.devices, vf, 'iommu_group');
    await rm(link);
    await symlink('../../../kernel/iommu_groups/seven', link);
    const failure = await failureOf(node.bus.facts(vf));
    expect(failure.kind).to.equal('invalid');
    expect(failure.message).to.contain('"seven"').and.to.contain(vf);
  });

  it('a NUMA node of -1 or no numa_node at all is unknown, 0 is a node', async () => {
    await using node = await createNode();
    const file = join(node.tree.roots.devices, vf, 'numa_node');
    expect(await node.bus.numaNode(vf)).to.equal(undefined);
    await writeFile(file, '0\n');
    expect(await node.bus.numaNode(vf)).to.equal(0);
    await rm(file);
    expect(await node.bus.numaNode(vf)).to.equal(undefined);
  });

  it('a function bound to nothing has no driver', async () => {
    await using node = await createNode({
      physicalFunctions: [{ address: pf, totalVfs: 1, vfs: 1, vfDriver: 'iavf' }],
    });
    await node.bus.unbind(vf, never);
    expect(await node.bus.facts(vf)).to.not.have.property('driver');
  });

  it('P6: several netdevs on one function (representors) are all told, by port and name', async () => {
    await using node = await createNode();
    const netdevs = [
      { name: 'eth9', devPort: 1 },
      { name: 'rep3', devPort: 0, physPortName: 'pf0vf3' },
      { name: 'enp1s0f0', devPort: 0, physPortName: 'p0' },
    ];
    await node.tree.setNetdevs(pf, netdevs);
    expect((await node.bus.facts(pf)).netdevs).to.deep.equal([netdevs[2], netdevs[1], netdevs[0]]);
  });

  it('a netdev without the two port attributes has its name alone', async () => {
    await using node = await createNode();
    await mkdir(join(node.tree.roots.devices, vf, 'net/eth7'), { recursive: true });
    expect((await node.bus.facts(vf)).netdevs).to.deep.equal([{ name: 'eth7' }]);
  });

  it('B20: a netdev that was renamed or moved away is seen at once, as nothing is remembered', async () => {
    await using node = await createNode();
    const names = async () => (await node.bus.facts(vf)).netdevs.map((netdev) => netdev.name);
    for (const shown of [['eth2'], ['enp1s0f0v0'], []]) {
      await node.tree.setNetdevs(
        vf,
        shown.map((name) => ({ name })),
      );
      expect(await names()).to.deep.equal(shown);
    }
  });

  it('a root that is no folder fails with what was read and why', async () => {
    await using node = await createNode();
    const file = join(node.tree.root, 'file');
    await writeFile(file, '');
    const roots = { devices: file, drivers: file };
    const bus = new SysfsPciBus({ roots, clock: new SystemClock(), writer: node.tree.writer });
    const failure = await failureOf(bus.facts(vf));
    expect(failure.kind).to.equal('unknown');
    expect(failure.message).to.contain(`reading function ${vf}`).and.to.contain('ENOTDIR');
  });
});
