import { rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { SystemClock } from '../../src/clock/system-clock.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { WriteHelpers } from '../../src/pci/write-helpers.js';
import { failureOf } from './failure.js';
import { createNode, never, pf, vf } from './sysfs-node.js';

const withResets = (resetMethods = 'flr bus') => ({
  physicalFunctions: [{ address: pf, totalVfs: 7, vfs: 2, resetMethods }],
});

describe('resetting a function', () => {
  it('is one write to its own reset, and leaves its driver to others', async () => {
    await using node = await createNode(withResets());
    await node.bus.unbind(vf, never);
    await node.bus.reset(vf, never);
    expect(node.writes).to.deep.equal([`drivers/igbvf/unbind ${vf}`, `devices/${vf}/reset 1`]);
  });

  for (const methods of ['flr', 'af_flr bus', 'device_specific flr', 'acpi', 'pm bus']) {
    it(`goes by "${methods}", which reset this function alone`, async () => {
      await using node = await createNode(withResets(methods));
      expect(await node.bus.isResettable(vf)).to.equal(true);
      await node.bus.unbind(vf, never);
      await node.bus.reset(vf, never);
    });
  }

  for (const methods of ['bus', 'slot', 'cxl_bus', 'bus flr', '']) {
    it(`never goes by "${methods}": it would hit others, or nothing at all`, async () => {
      await using node = await createNode(withResets(methods));
      expect(await node.bus.isResettable(vf)).to.equal(false);
      await node.bus.unbind(vf, never);
      const failure = await failureOf(node.bus.reset(vf, never));
      expect(failure.kind).to.equal('unsupported');
      expect(failure.message).to.contain(vf).and.to.contain('reset_method');
      expect(node.writes).to.not.include(`devices/${vf}/reset 1`);
    });
  }

  it('works on kernels that do not say how they do it (before 5.15)', async () => {
    await using node = await createNode(withResets());
    await rm(join(node.tree.roots.devices, vf, 'reset_method'));
    expect(await node.bus.isResettable(vf)).to.equal(true);
    await node.bus.unbind(vf, never);
    await node.bus.reset(vf, never);
  });

  it('is unsupported for a function without reset', async () => {
    await using node = await createNode();
    expect(await node.bus.isResettable(vf)).to.equal(false);
    await node.bus.unbind(vf, never);
    const failure = await failureOf(node.bus.reset(vf, never));
    expect(failure.kind).to.equal('unsupported');
    expect(failure.message).to.contain('no reset');
  });

  const refusals = [
    { errno: 'ENOTTY', kind: 'unsupported', says: 'none of its ways' },
    { errno: 'EIO', kind: 'unknown', says: 'EIO' },
    { errno: 'EACCES', kind: 'denied', says: 'root' },
  ];
  for (const { errno, kind, says } of refusals) {
    it(`that the kernel refuses with ${errno} is ${kind}`, async () => {
      await using node = await createNode(withResets());
      await node.bus.unbind(vf, never);
      node.tree.faults.failNext('reset', errno, vf);
      const failure = await failureOf(node.bus.reset(vf, never));
      expect(failure.kind).to.equal(kind);
      expect(failure.message).to.contain(`resetting ${vf}`).and.to.contain(says);
    });
  }

  it('takes a deadline, and says what it was at', async () => {
    await using node = await createNode(withResets(), 50);
    await node.bus.unbind(vf, never);
    node.tree.faults.hangNext('reset', vf);
    const failure = await failureOf(node.bus.reset(vf, never));
    expect(failure.kind).to.equal('timed-out');
    expect(failure.message).to.contain('50 ms').and.to.contain(`while resetting ${vf}`);
  });

  it('lets nobody bind the function meanwhile', async () => {
    await using node = await createNode(withResets());
    await node.bus.unbind(vf, never);
    const held = node.tree.faults.hangNext('reset', vf);
    const resetting = node.bus.reset(vf, never);
    await held.met;
    const binding = node.bus.bind(vf, 'igbvf', never);
    expect(node.writes.at(-1)).to.equal(`devices/${vf}/reset 1`);
    held.release();
    await Promise.all([resetting, binding]);
    expect(await node.driverOf(vf)).to.equal('igbvf');
  });

  it('is written by a helper process, as the kernel may hold it', async () => {
    await using node = await createNode(withResets());
    using writer = new WriteHelpers(new SystemClock());
    const bus = new SysfsPciBus({ roots: node.tree.roots, clock: new SystemClock(), writer });
    await bus.unbind(vf, never);
    await bus.reset(vf, never);
    expect(await node.tree.resetsAsked(vf)).to.equal(true);
  });
});

describe('an IOMMU group', () => {
  const shared = { physicalFunctions: [{ address: pf, totalVfs: 12, vfs: 12, groups: 'shared' as const }] };

  it('B10: names the PF beside its VFs where they share one, in the order of addresses', async () => {
    await using node = await createNode(shared);
    const vfs = await node.bus.virtualFunctions(pf);
    expect(await node.bus.groupMembers(vf)).to.deep.equal([pf, ...vfs]);
  });

  it('has one member where each function is alone', async () => {
    await using node = await createNode();
    expect(await node.bus.groupMembers(vf)).to.deep.equal([vf]);
  });

  it('may hold what is no PCI function, which is not named', async () => {
    await using node = await createNode();
    await writeFile(join(node.tree.root, 'platform'), '');
    await symlink(
      join(node.tree.root, 'platform'),
      join(node.tree.roots.devices, vf, 'iommu_group/devices/PNP0C02:00'),
    );
    expect(await node.bus.groupMembers(vf)).to.deep.equal([vf]);
  });

  it('names members that are outside the tree it was asked in', async () => {
    await using node = await createNode(shared);
    await rm(join(node.tree.roots.devices, pf));
    expect(await node.bus.groupMembers(vf)).to.include(pf);
    await symlink(join('../../../devices/pci', pf), join(node.tree.roots.devices, pf));
  });

  it('is empty without an IOMMU', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 2, vfs: 2, groups: 'none' }] });
    expect(await node.bus.groupMembers(vf)).to.deep.equal([]);
  });
});
