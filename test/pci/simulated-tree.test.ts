import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readdir, readFile, readlink, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { BindingHooks } from '../../simulation/pci-tree/options.js';
import { SimulatedPciTree } from '../../simulation/pci-tree/pci-tree.js';
import { errnoOf } from '../../src/pci/errno.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import { createNode, never, pf, vf } from './sysfs-node.js';
import { until } from './until.js';

const other = '0000:ff:1f.7';

describe('the simulated PCI tree', () => {
  describe('answers a write as the kernel does', () => {
    const table = [
      { file: 'drivers/igbvf/unbind', text: vf, errno: undefined },
      { file: 'drivers/vfio-pci/unbind', text: vf, errno: 'ENODEV' },
      { file: 'drivers/igbvf/unbind', text: other, errno: 'ENODEV' },
      { file: 'drivers/igbvf/bind', text: vf, errno: 'EBUSY' },
      { file: 'drivers/vfio-pci/bind', text: vf, errno: 'ENODEV' },
      { file: 'drivers/none/bind', text: vf, errno: 'ENOENT' },
      { file: 'drivers_probe', text: vf, errno: undefined },
      { file: 'drivers_probe', text: other, errno: 'ENODEV' },
      { file: `devices/${pf}/sriov_numvfs`, text: '8', errno: 'ERANGE' },
      { file: `devices/${pf}/sriov_numvfs`, text: '3', errno: 'EBUSY' },
      { file: `devices/${pf}/sriov_numvfs`, text: '2', errno: undefined },
      { file: `devices/${pf}/sriov_numvfs`, text: '0x2\n', errno: undefined },
      { file: `devices/${pf}/sriov_numvfs`, text: '-1', errno: 'EINVAL' },
      { file: `devices/${pf}/sriov_numvfs`, text: '2 ', errno: 'EINVAL' },
      { file: `devices/${pf}/sriov_totalvfs`, text: '2', errno: 'EACCES' },
    ];
    for (const { file, text, errno } of table) {
      it(`${JSON.stringify(text)} to ${file}: ${errno ?? 'ok'}`, async () => {
        await using node = await createNode();
        const write = { file: join(node.tree.root, 'bus/pci', file), text };
        expect(await errnoFrom(node.tree.writer.write(write, never))).to.equal(errno);
      });
    }
  });

  it('unbinding a PF takes its VFs away', async () => {
    await using node = await createNode();
    const file = join(node.tree.roots.drivers, 'igb/unbind');
    await node.tree.writer.write({ file, text: pf }, never);
    expect(existsSync(join(node.tree.roots.devices, vf))).to.equal(false);
    expect(await readFile(join(node.tree.roots.devices, pf, 'sriov_numvfs'), 'utf8')).to.equal('0\n');
    expect(readdirSync(join(node.tree.root, 'kernel/iommu_groups'))).to.have.length(1);
  });

  it('reacts to any program that writes to its files, several functions in one go included', async () => {
    await using node = await createNode();
    const second = parsePciAddress('01:10.2');
    await writeFile(join(node.tree.roots.drivers, 'igbvf/unbind'), `${vf}${second}`);
    await until(async () => !(await isBound(vf)) && !(await isBound(second)));
    await writeFile(join(node.tree.roots.devices, vf, 'driver_override'), 'vfio-pci');
    await writeFile(join(node.tree.root, 'bus/pci/drivers_probe'), `${vf}\n`);
    await until(() => isBound(vf));
    expect(await node.driverOf(vf)).to.equal('vfio-pci');

    async function isBound(address: PciAddress): Promise<boolean> {
      return (await node.driverOf(address)) !== undefined;
    }
  });

  it('makes and removes VFs when sriov_numvfs is written, and puts a refused number back', async () => {
    await using node = await createNode();
    const file = join(node.tree.roots.devices, pf, 'sriov_numvfs');
    const vfs = async () =>
      (await readdir(join(node.tree.roots.devices, pf))).filter((name) => name.startsWith('virtfn')).length;
    await writeFile(file, '5\n');
    await until(async () => (await readFile(file, 'utf8')) === '2\n');
    await writeFile(file, '0\n');
    await until(async () => (await vfs()) === 0);
    await writeFile(file, '7\n');
    await until(async () => (await vfs()) === 7);
    expect(await readFile(file, 'utf8')).to.equal('7\n');
  });

  it('gives functions other group numbers when they are made again', async () => {
    await using node = await createNode();
    const before = await node.bus.facts(vf);
    const file = join(node.tree.roots.devices, pf, 'sriov_numvfs');
    for (const text of ['0', '2']) await node.tree.writer.write({ file, text }, never);
    expect((await node.bus.facts(vf)).iommuGroup).to.not.equal(before.iommuGroup);
  });

  it('tells its embedder of every driver that comes and goes, and shows the netdevs it is told', async () => {
    const events: string[] = [];
    const hooks: BindingHooks = {
      onBind: async (fn, driver) => {
        events.push(`+ ${fn.vf ?? 'pf'} ${driver}`);
        return driver === 'vfio-pci' ? undefined : [{ name: `net${fn.vf ?? 'pf'}` }];
      },
      onUnbind: async (fn, driver) => {
        events.push(`- ${fn.vf ?? 'pf'} ${driver}`);
      },
    };
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 2, vfs: 1 }], hooks });
    expect((await node.bus.facts(vf)).netdevs).to.deep.equal([{ name: 'net0', devPort: 0 }]);
    await node.bus.bind(vf, 'vfio-pci', never);
    expect(existsSync(join(node.tree.roots.devices, vf, 'net'))).to.equal(false);
    await node.bus.bind(vf, 'igbvf', never);
    expect(events).to.deep.equal(['+ pf igb', '+ 0 igbvf', '- 0 igbvf', '+ 0 vfio-pci', '- 0 vfio-pci', '+ 0 igbvf']);
  });

  it('an empty net folder stays for a netdev in another namespace, and none for a function without driver', async () => {
    await using node = await createNode();
    await node.tree.setNetdevs(vf, []);
    expect(readdirSync(join(node.tree.roots.devices, vf, 'net'))).to.deep.equal([]);
    await node.bus.unbind(vf, never);
    await node.tree.setNetdevs(vf, [{ name: 'late' }]);
    expect(existsSync(join(node.tree.roots.devices, vf, 'net'))).to.equal(false);
  });

  it('makes a group up for a function without an IOMMU while vfio-pci has it', async () => {
    await using tree = await SimulatedPciTree.create({
      physicalFunctions: [{ address: pf, totalVfs: 7, vfs: 2, groups: 'made-up' }],
    });
    const write = (file: string, text: string) =>
      tree.writer.write({ file: join(tree.root, 'bus/pci', file), text }, never);
    expect(await tree.groupNode(vf)).to.equal(undefined);
    await write('drivers/igbvf/unbind', vf);
    await write(`devices/${vf}/driver_override`, 'vfio-pci\n');
    await write('drivers_probe', vf);
    expect([await tree.driver(vf), await tree.groupNode(vf)]).to.deep.equal(['vfio-pci', 'noiommu-1']);
    await write('drivers/vfio-pci/unbind', vf);
    expect(await tree.groupNode(vf)).to.equal(undefined);
  });

  it('has every link that the kernel has, and each leads somewhere', async () => {
    await using node = await createNode();
    const { devices, drivers } = node.tree.roots;
    const group = (await node.bus.facts(vf)).iommuGroup;
    const links = [
      join(devices, vf),
      join(devices, vf, 'physfn'),
      join(devices, vf, 'driver'),
      join(devices, vf, 'iommu_group'),
      join(devices, pf, 'virtfn0'),
      join(drivers, 'igbvf', vf),
      join(node.tree.root, 'kernel/iommu_groups', `${group}`, 'devices', vf),
    ];
    for (const link of links) {
      expect(await readlink(link), link).to.match(/^\.\.\//);
      expect(existsSync(link), link).to.equal(true);
    }
  });

  it('leaves no file and no descriptor', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const tree = await SimulatedPciTree.create({ physicalFunctions: [{ address: pf, totalVfs: 7, vfs: 7 }] });
    await tree[Symbol.asyncDispose]();
    expect(existsSync(tree.root)).to.equal(false);
    await until(async () => readdirSync('/proc/self/fd').length <= before);
  });

  it('leaves nothing either when it cannot be made', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'parent-of-trees-'));
    const making = SimulatedPciTree.create({ parent, physicalFunctions: [{ address: pf, totalVfs: 1, vfs: 2 }] });
    expect(await errnoFrom(making)).to.equal('ERANGE');
    expect(readdirSync(parent)).to.deep.equal([]);
    await rmdir(parent);
  });
});

async function errnoFrom(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}
