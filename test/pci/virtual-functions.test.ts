import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { failureOf } from './failure.js';
import { createNode, pf } from './sysfs-node.js';

describe('the VFs of a PF', () => {
  it('B8, P1: are in the order of their numbers: position 10 is VF 10, whatever its address', async () => {
    // Addresses that fall as numbers rise, so that no order but that of the numbers gives the list.
    const vfAddress = (vf: number) => `0000:02:${(31 - (vf >> 3)).toString(16)}.${7 - (vf & 7)}`;
    const vfs = 40;
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 64, vfs, vfAddress }] });
    const expected = Array.from({ length: vfs }, (_, vf) => vfAddress(vf));
    expect(await node.bus.virtualFunctions(pf)).to.deep.equal(expected);
  });

  it('are none on a PF without VFs', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 7 }] });
    expect(await node.bus.virtualFunctions(pf)).to.deep.equal([]);
  });

  it('B8: are no list at all while a number is missing, as every later one would be taken for another VF', async () => {
    await using node = await createNode({ physicalFunctions: [{ address: pf, totalVfs: 7, vfs: 3 }] });
    await rm(join(node.tree.roots.devices, pf, 'virtfn1'));
    const failure = await failureOf(node.bus.virtualFunctions(pf));
    expect(failure.kind).to.equal('unavailable');
    expect(failure.message).to.contain('virtfn1');
  });
});
