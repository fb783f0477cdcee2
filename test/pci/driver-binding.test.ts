import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { SystemClock } from '../../src/clock/system-clock.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { failureOf } from './failure.js';
import { createNode, never, pf, vf } from './sysfs-node.js';

describe('binding a function to a driver', () => {
  it('B12: goes over driver_override for this function alone, with no id that would catch others', async () => {
    await using node = await createNode();
    await node.bus.bind(vf, 'vfio-pci', never);
    expect(node.writes).to.deep.equal([
      `devices/${vf}/driver_override vfio-pci`,
      `drivers/igbvf/unbind ${vf}`,
      `drivers/vfio-pci/bind ${vf}`,
    ]);
  });

  it('keeps the function reserved for a userspace driver, and frees it from that with a kernel driver', async () => {
    await using node = await createNode();
    await node.bus.bind(vf, 'vfio-pci', never);
    expect(await node.tree.driverOverride(vf)).to.equal('vfio-pci');
    await node.bus.bind(vf, 'igbvf', never);
    expect(await node.tree.driverOverride(vf)).to.equal(undefined);
  });

  it('writes nothing for a function that has the driver', async () => {
    await using node = await createNode();
    await node.bus.bind(vf, 'igbvf', never);
    expect(node.writes).to.deep.equal([]);
  });

  it('works on VFs that the kernel does not probe by itself (sriov_drivers_autoprobe 0)', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 7 }] });
    await writeFile(join(node.tree.roots.devices, pf, 'sriov_drivers_autoprobe'), '0\n');
    await node.provisioning.createVfs(pf, 2, never);
    expect(await node.driverOf(vf)).to.equal(undefined);
    await node.bus.bind(vf, 'igbvf', never);
    expect(await node.driverOf(vf)).to.equal('igbvf');
  });

  it('B12, P5: a write that the kernel takes without binding is no success', async () => {
    await using node = await createNode();
    const lame = { write: async () => {} };
    const bus = new SysfsPciBus({ roots: node.tree.roots, clock: new SystemClock(), writer: lame }, 100);
    const failure = await failureOf(bus.bind(vf, 'vfio-pci', never));
    expect(failure.kind).to.equal('timed-out');
    expect(failure.message).to.contain(`while unbinding ${vf} from igbvf`);
  });

  const refusals = [
    { errno: 'EBUSY', kind: 'busy', says: 'another driver has it' },
    { errno: 'EINVAL', kind: 'unsupported', says: 'is the IOMMU on' },
    { errno: 'ENODEV', kind: 'unsupported', says: 'does not take this function' },
    { errno: 'ENOENT', kind: 'not-found', says: 'modprobe vfio-pci' },
    { errno: 'EPERM', kind: 'busy', says: 'IOMMU group' },
    { errno: 'EACCES', kind: 'denied', says: 'root' },
    { errno: 'EROFS', kind: 'denied', says: 'read-only' },
    { errno: 'EIO', kind: 'unknown', says: 'EIO' },
  ];
  for (const { errno, kind, says } of refusals) {
    it(`B12, P5: a probe that fails with ${errno} is ${kind}, and the function gets its driver back`, async () => {
      await using node = await createNode();
      node.tree.faults.failNext('bind', errno, vf);
      const failure = await failureOf(node.bus.bind(vf, 'vfio-pci', never));
      expect(failure.kind).to.equal(kind);
      expect(failure.message).to.contain(`binding ${vf} to vfio-pci`).and.to.contain(says);
      expect(failure.details['errno']).to.equal(errno);
      expect(failure.undoFailures).to.deep.equal([]);
      expect(await node.driverOf(vf)).to.equal('igbvf');
      expect(await node.tree.driverOverride(vf)).to.equal(undefined);
    });
  }

  it('a function that was unbound is unbound again after a refusal', async () => {
    await using node = await createNode();
    await node.bus.unbind(vf, never);
    node.tree.faults.failNext('bind', 'EINVAL', vf);
    await failureOf(node.bus.bind(vf, 'vfio-pci', never));
    expect(await node.driverOf(vf)).to.equal(undefined);
    expect(await node.tree.driverOverride(vf)).to.equal(undefined);
  });

  it('a refusal whose undoing fails too says both', async () => {
    await using node = await createNode();
    node.tree.faults.failNext('bind', 'EINVAL', vf);
    node.tree.faults.failNext('bind', 'ENODEV', vf);
    const failure = await failureOf(node.bus.bind(vf, 'vfio-pci', never));
    expect(failure.kind).to.equal('unsupported');
    expect(failure.undoFailures.map((undo) => undo.message)).to.have.length(1);
    expect(failure.undoFailures[0]?.message).to.contain(`binding ${vf} to igbvf`);
  });

  it('vfio-pci without an IOMMU is unsupported', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 2, vfs: 2, groups: 'none' }] });
    const failure = await failureOf(node.bus.bind(vf, 'vfio-pci', never));
    expect(failure.kind).to.equal('unsupported');
    expect(await node.driverOf(vf)).to.equal('igbvf');
  });

  it('a refusal to unbind changes nothing', async () => {
    await using node = await createNode();
    node.tree.faults.failNext('unbind', 'EIO', vf);
    const failure = await failureOf(node.bus.bind(vf, 'vfio-pci', never));
    expect(failure.message).to.contain(`unbinding ${vf} from igbvf`);
    expect(await node.driverOf(vf)).to.equal('igbvf');
    expect(await node.tree.driverOverride(vf)).to.equal(undefined);
  });

  it('a function that loses its driver meanwhile is bound all the same', async () => {
    await using node = await createNode();
    const held = node.tree.faults.hangNext('unbind', vf);
    const other = node.tree.writer.write({ file: join(node.tree.roots.drivers, 'igbvf/unbind'), text: vf }, never);
    await held.met;
    const binding = node.bus.bind(vf, 'vfio-pci', never);
    held.release();
    await Promise.all([other, binding]);
    expect(await node.driverOf(vf)).to.equal('vfio-pci');
  });

  it('B22, P7: a function that the kernel holds stops no other function', async () => {
    await using node = await createNode();
    const held = node.tree.faults.hangNext('unbind', vf);
    const binding = node.bus.bind(vf, 'vfio-pci', never);
    await held.met;
    const sibling = parsePciAddress('01:10.2');
    await node.bus.bind(sibling, 'vfio-pci', never);
    expect(await node.driverOf(sibling)).to.equal('vfio-pci');
    held.release();
    await binding;
  });

  it('takes the deadline of the caller and says which step it was at', async () => {
    await using node = await createNode({}, 50);
    node.tree.faults.hangNext('bind', vf);
    const failure = await failureOf(node.bus.bind(vf, 'vfio-pci', never));
    expect(failure.kind).to.equal('timed-out');
    expect(failure.message).to.contain('50 ms').and.to.contain(`while binding ${vf} to vfio-pci`);
  });

  it('lets go when the caller leaves, and the next caller gets its turn', async () => {
    await using node = await createNode();
    const held = node.tree.faults.hangNext('unbind', vf);
    const caller = new AbortController();
    const binding = failureOf(node.bus.bind(vf, 'vfio-pci', caller.signal));
    await held.met;
    caller.abort();
    expect((await binding).kind).to.equal('cancelled');
    held.release();
    await node.bus.bind(vf, 'vfio-pci', never);
    expect(await node.driverOf(vf)).to.equal('vfio-pci');
  });

  it('P2: never binds the PF, also where it shares the group of its VFs', async () => {
    await using node = await createNode({
      physicalFunctions: [{ address: pf, totalVfs: 2, vfs: 2, groups: 'shared' }],
    });
    await node.bus.bind(vf, 'vfio-pci', never);
    expect(await node.driverOf(pf)).to.equal('igb');
    expect(await node.driverOf(parsePciAddress('01:10.2'))).to.equal('igbvf');
    const failure = await failureOf(node.bus.bind(pf, 'vfio-pci', never));
    expect(failure.kind).to.equal('refused');
    expect(failure.message).to.contain('physical function');
  });

  it('refuses a function that is neither PF nor VF', async () => {
    await using node = await createNode();
    await rm(join(node.tree.roots.devices, vf, 'physfn'));
    const failure = await failureOf(node.bus.bind(vf, 'vfio-pci', never));
    expect(failure.kind).to.equal('refused');
    expect(failure.message).to.contain('physfn');
  });

  for (const name of ['', '.', '..', '../vfio-pci', 'vfio pci', 'vfio\n']) {
    it(`B32: refuses ${JSON.stringify(name)} as a driver's name`, async () => {
      await using node = await createNode();
      expect((await failureOf(node.bus.bind(vf, name, never))).kind).to.equal('invalid');
      expect((await failureOf(node.bus.hasDriver(name))).kind).to.equal('invalid');
    });
  }
});
