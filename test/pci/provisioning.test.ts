import { expect } from 'chai';
import { failureOf } from './failure.js';
import { createNode, never, pf } from './sysfs-node.js';

const withoutVfs = { physicalFunctions: [{ address: pf, totalVfs: 7 }] };

describe('making VFs', () => {
  it('B32, P8: makes as many as were asked for, not as many as there could be', async () => {
    await using node = await createNode(withoutVfs);
    await node.provisioning.createVfs(pf, 3, never);
    expect(await node.provisioning.vfCount(pf)).to.deep.equal({ current: 3, total: 7 });
    expect(await node.bus.virtualFunctions(pf)).to.have.length(3);
    expect(node.writes).to.deep.equal([`devices/${pf}/sriov_numvfs 3`]);
  });

  it('P8: looking at a PF without VFs makes none', async () => {
    await using node = await createNode(withoutVfs);
    await node.bus.facts(pf);
    await node.bus.virtualFunctions(pf);
    expect(await node.provisioning.vfCount(pf)).to.deep.equal({ current: 0, total: 7 });
    expect(node.writes).to.deep.equal([]);
  });

  for (const count of [0, -1, 8, 1.5, Number.NaN]) {
    it(`B32: refuses ${count} VFs on a PF that can have 1 to 7`, async () => {
      await using node = await createNode(withoutVfs);
      const failure = await failureOf(node.provisioning.createVfs(pf, count, never));
      expect(failure.kind).to.equal('invalid');
      expect(failure.message).to.contain(`${count}`).and.to.contain('1 to 7');
      expect(node.writes).to.deep.equal([]);
    });
  }

  const refusals = [
    { errno: 'EBUSY', kind: 'refused', says: 'meanwhile' },
    { errno: 'EINVAL', kind: 'invalid', says: 'does not take' },
    { errno: 'ENOENT', kind: 'unsupported', says: 'cannot make VFs' },
    { errno: 'ENOMEM', kind: 'unsupported', says: 'firmware' },
    { errno: 'ERANGE', kind: 'invalid', says: 'sriov_totalvfs' },
    { errno: 'EROFS', kind: 'denied', says: 'read-only' },
  ];
  for (const { errno, kind, says } of refusals) {
    it(`B32: the kernel's ${errno} is ${kind}, and says what to do`, async () => {
      await using node = await createNode(withoutVfs);
      node.tree.faults.failNext('set-vf-count', errno);
      const failure = await failureOf(node.provisioning.createVfs(pf, 2, never));
      expect(failure.kind).to.equal(kind);
      expect(failure.message).to.contain(pf).and.to.contain(says);
    });
  }

  it('ends with the deadline when the kernel does not', async () => {
    await using node = await createNode(withoutVfs, 50);
    node.tree.faults.hangNext('set-vf-count');
    const failure = await failureOf(node.provisioning.createVfs(pf, 2, never));
    expect(failure.kind).to.equal('timed-out');
    expect(failure.message).to.contain(`making 2 VFs on ${pf}`);
  });
});
