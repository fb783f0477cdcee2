import { expect } from 'chai';
import { failureOf } from '../../pci/failure.js';
import { DeviceBench } from './device-bench.js';

describe('a group that a process has open', () => {
  it('is waited for when its connection ends, for a while', async () => {
    const bench = new DeviceBench();
    const { iommuGroup } = await bench.deliver();
    const open = bench.node.others.openGroup(iommuGroup);
    const closing = bench.ledger().unwind();
    await bench.clock.advance(2_000);
    expect((await bench.node.bus.facts(bench.plan().function)).driver).to.equal('vfio-pci');
    open[Symbol.dispose]();
    expect((await bench.clock.advanceUntil(closing)).failures).to.deep.equal([]);
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('has its access taken back all the same, and keeps its VF from everybody until it is let go', async () => {
    const bench = new DeviceBench();
    const delivered = await bench.deliver();
    const open = bench.node.others.openGroup(delivered.iommuGroup);
    const failure = await failureOf(bench.close());
    expect(failure.kind).to.equal('busy');
    expect(bench.mayOpen(delivered)).to.equal(false);
    expect(bench.owed.map(({ entry }) => entry.kind)).to.deep.equal(['device-used', 'vf-settings', 'group-bound']);
    expect(await bench.retry()).to.equal(3);
    open[Symbol.dispose]();
    expect(await bench.retry()).to.equal(0);
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('and that nobody here has given to anybody is refused at once, and is on record until it is let go', async () => {
    const bench = new DeviceBench({ settings: { afterUse: 'keep' } });
    const { iommuGroup } = await bench.deliver();
    await bench.close();
    using open = bench.node.others.openGroup(iommuGroup);
    const failure = await failureOf(bench.deliver());
    expect(failure.kind).to.equal('busy');
    expect(failure.message).to.include(`IOMMU group ${iommuGroup} open`);
    expect(bench.owed.map(({ entry }) => entry.kind)).to.deep.equal(['device-used']);
    expect(bench.clock.now()).to.equal(0);
    open[Symbol.dispose]();
    expect(await bench.retry()).to.equal(0);
    await bench.deliver();
  });

  it('is never opened to find that out while a client has access to it', async () => {
    const bench = new DeviceBench();
    await bench.deliver();
    const { calls } = bench.node.faults;
    expect(calls.some((call) => call.startsWith('vfio.isOpen'))).to.equal(false);
    await bench.close();
    const probe = calls.findIndex((call) => call.startsWith('vfio.isOpen'));
    expect(probe).to.be.greaterThan(calls.findLastIndex((call) => call.startsWith('access.revoke')));
  });
});
