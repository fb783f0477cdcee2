import { expect } from 'chai';
import { failureOf } from '../../pci/failure.js';
import { DeviceBench, kinds, otherPodUid } from './device-bench.js';

const usual = { major: 10, minor: 196 };

describe('delivering a device', () => {
  it("binds the VF to vfio-pci and lets the pod's containers, and nobody else, open its group", async () => {
    const bench = new DeviceBench();
    bench.node.pods.startContainer(bench.pod, 'side');
    const stranger = bench.node.pods.add(otherPodUid);
    const delivered = await bench.deliver();
    expect(delivered).to.deep.include({ container: usual });
    for (const container of ['main', 'side']) expect(bench.mayOpen(delivered, container)).to.equal(true);
    expect(bench.mayOpen(delivered, 'main', stranger)).to.equal(false);
    expect((await bench.node.bus.facts(bench.plan().function)).driver).to.equal('vfio-pci');
  });

  it('B2, S1, S2: takes all of it back by what is on record, and the node is as it was', async () => {
    const bench = new DeviceBench();
    const delivered = await bench.deliver();
    expect(kinds(bench.ledger().entries())).to.deep.equal([
      'group-bound',
      'vf-settings',
      'device-used',
      'pod-access',
      'device-granted',
    ]);
    await bench.close();
    expect(bench.node.snapshot()).to.equal(bench.untouched);
    expect(bench.mayOpen(delivered)).to.equal(false);
    expect(bench.mayOpen({ device: usual })).to.equal(false);
    expect([bench.world.grants.size, bench.world.bound.size]).to.deep.equal([0, 0]);
  });

  it('takes access back before anything else, then waits for the group, then touches the VF', async () => {
    const bench = new DeviceBench();
    await bench.deliver();
    bench.node.faults.restart();
    await bench.close();
    const order = bench.node.faults.calls.filter((call) => /revoke|isOpen|unbind|reset|changeVf|bind/.test(call));
    expect(order.map((call) => call.split(' ')[0])).to.deep.equal([
      'access.revoke',
      'vfio.isOpen',
      'pci.unbind',
      'pci.reset',
      'links.changeVf',
      'pci.bind',
    ]);
  });

  it('gives a netdev its name back that was being renamed when it was looked at', async () => {
    const bench = new DeviceBench();
    for (let look = 0; look < 2; look += 1) bench.node.faults.failNext('links.find', 'before', 'not-found');
    await bench.deliver();
    await bench.close();
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('leaves a VF that has served on vfio-pci where that is wished, and gives it on without binding', async () => {
    const bench = new DeviceBench({ settings: { afterUse: 'keep' } });
    await bench.deliver();
    await bench.close();
    expect((await bench.node.bus.facts(bench.plan().function)).driver).to.equal('vfio-pci');
    bench.node.faults.restart();
    await bench.deliver();
    expect(bench.node.faults.calls.filter((call) => call.startsWith('pci.unbind'))).to.deep.equal([]);
  });

  it('gives back a VF that has not served, whatever is wished', async () => {
    const bench = new DeviceBench({ settings: { afterUse: 'keep' } });
    bench.node.faults.failNext('access.grant', 'before');
    await failureOf(bench.deliver());
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('B4, C2: serves every container, also when one has access already', async () => {
    const bench = new DeviceBench();
    await bench.deliver(bench.plan(0), 'first');
    bench.node.pods.startContainer(bench.pod, 'side');
    const delivered = await bench.deliver(bench.plan(1), 'second');
    for (const container of ['main', 'side']) {
      expect(bench.mayOpen(delivered, container)).to.equal(true);
      expect(bench.mayOpen({ device: usual }, container)).to.equal(true);
    }
  });

  it('C4: counts connections: what two need goes with the last, in any order and across a restart', async () => {
    for (const [first, last] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const bench = new DeviceBench();
      const delivered = { a: await bench.deliver(bench.plan(0), 'a'), b: await bench.deliver(bench.plan(1), 'b') };
      bench.restart();
      await bench.close(first);
      expect(bench.mayOpen({ device: usual })).to.equal(true);
      expect([bench.mayOpen(delivered[first]), bench.mayOpen(delivered[last])]).to.deep.equal([false, true]);
      await bench.close(last);
      expect(bench.node.snapshot()).to.equal(bench.untouched);
    }
  });

  for (const version of [1, 2] as const) {
    it(`leaves what was allowed before as it was (cgroup v${version})`, async () => {
      const bench = new DeviceBench({ cgroups: version });
      bench.node.pods.tree.update(bench.node.pods.container(bench.pod, 'main'), [usual]);
      const before = bench.node.snapshot();
      await bench.deliver(bench.plan(0), 'a');
      await bench.deliver(bench.plan(1), 'b');
      await bench.close('a');
      expect(bench.mayOpen({ device: usual })).to.equal(true);
      await bench.close('b');
      expect(bench.node.snapshot()).to.equal(before);
    });
  }

  it('narrows to the container that the client is in', async () => {
    const bench = new DeviceBench();
    bench.node.pods.startContainer(bench.pod, 'side');
    const delivered = await bench.deliver(bench.plan(0, { client: { pod: bench.pod, below: 'side-1' } }));
    expect([bench.mayOpen(delivered, 'main'), bench.mayOpen(delivered, 'side')]).to.deep.equal([false, true]);
  });

  it('C3, B4: fails when the pod has no container here, and has done nothing', async () => {
    const bench = new DeviceBench();
    for (const client of [
      { pod: otherPodUid, below: '' },
      { pod: bench.pod, below: 'gone' },
    ]) {
      const failure = await failureOf(bench.deliver(bench.plan(0, { client })));
      expect(failure.kind).to.equal('not-found');
      expect(failure.message).to.include('the pod that has the token has no c');
    }
    expect(bench.node.snapshot()).to.equal(bench.untouched);
    expect(bench.ledger().entries()).to.deep.equal([]);
  });

  it('fails when the last container ends between the look and the grant, and leaves nothing', async () => {
    const bench = new DeviceBench();
    bench.node.faults.failNext('access.read', 'before', 'not-found');
    await bench.deliver();
    await bench.close();
    using _ = bench.node.faults.failEvery('access.grant', 'before', 'not-found');
    expect((await failureOf(bench.deliver())).kind).to.equal('not-found');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('says which module to load when vfio-pci is not there', async () => {
    const bench = new DeviceBench({ drivers: [] });
    const failure = await failureOf(bench.deliver());
    expect(failure.kind).to.equal('not-found');
    expect(failure.message).to.include('modprobe vfio-pci');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('says what it waited for when the group has no node', async () => {
    const bench = new DeviceBench();
    using _ = bench.node.faults.failEvery('vfio.group', 'before', 'unavailable');
    expect((await failureOf(bench.deliver())).kind).to.equal('unavailable');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });
});
