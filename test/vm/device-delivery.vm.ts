import { expect } from 'chai';
import type { Cgroup } from '../../src/ports/device-access.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { parsePodUid } from '../../src/ports/pod-cgroup.js';
import { failure } from '../contract/network-harness.js';
import { cgroupsV2, type DeviceCgroups, mountCgroupV1 } from './device-cgroups.js';
import { DeviceDeliveryBench } from './device-delivery-bench.js';
import { firstPf, RealNode } from './real-node.js';
import { VfioUser } from './vfio-user.js';

const pod = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d');
const otherPod = parsePodUid('9f0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e');

describe('delivering the device of an 82576 VF', () => {
  let node: RealNode;
  let vf: PciAddress;
  let sibling: PciAddress;

  before(async () => {
    node = new RealNode();
    [vf = firstPf, sibling = firstPf] = await node.vfs(firstPf);
  });
  after(() => node[Symbol.dispose]());

  /** A bench with two pods of one container each. */
  async function start(settings?: ConstructorParameters<typeof DeviceDeliveryBench>[1], cgroups?: DeviceCgroups) {
    const bench = new DeviceDeliveryBench(node, settings, cgroups);
    const containers: Cgroup[] = [];
    for (const uid of [pod, otherPod])
      containers.push(await bench.cgroups.addContainer(await bench.cgroups.addPod(uid), 'main'));
    const [inside, outside] = containers.map((it) => bench.folder(it));
    return { bench, inside, outside };
  }

  it('lets a program in the pod drive it, and nobody else, from delivery to Close', async () => {
    const before = await node.stateOf(vf);
    const { bench, inside, outside } = await start();
    await using _ = bench;
    await using client = await VfioUser.start(inside);
    await using stranger = await VfioUser.start(outside);
    const { iommuGroup } = await bench.deliver(await bench.plan(vf, pod, { mac: '02:00:00:00:00:01', vlan: 100 }));
    expect((await node.stateOf(vf)).settings).to.include({ mac: '02:00:00:00:00:01', vlan: 100 });
    expect(await stranger.open(iommuGroup, vf)).to.deep.equal({
      failure: { step: 'open /dev/vfio/vfio', errno: 'EPERM' },
    });
    expect(await client.open(iommuGroup, vf)).to.deep.equal({ ids: '8086:10ca' });
    await client.close();
    await bench.close();
    expect((await client.open(iommuGroup, vf)).failure?.errno).to.be.oneOf(['EPERM', 'ENOENT']);
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('50 pairs on cgroup v2: grants, use, and a refusal inside after each Close', () => makePairs(50, cgroupsV2));

  it('50 pairs on cgroup v1: the same', async () => {
    await using devices = await mountCgroupV1();
    await makePairs(50, devices);
  });

  async function makePairs(pairs: number, cgroups: DeviceCgroups): Promise<void> {
    const { bench, inside, outside } = await start({ afterUse: 'keep', resetVfs: false }, cgroups);
    await using _ = bench;
    await using client = await VfioUser.start(inside);
    await using stranger = await VfioUser.start(outside);
    for (let pair = 0; pair < pairs; pair += 1) {
      const { iommuGroup } = await bench.deliver(await bench.plan(vf, pod));
      expect(await client.open(iommuGroup, vf)).to.deep.equal({ ids: '8086:10ca' });
      expect((await stranger.open(iommuGroup, vf)).failure?.errno).to.equal('EPERM');
      await client.close();
      await bench.close();
      expect((await client.open(iommuGroup, vf)).failure?.errno).to.equal('EPERM');
    }
    await node.pci.bind(vf, 'igbvf', AbortSignal.timeout(10_000));
  }

  it('waits for a client that is killed with its device open, and then has its VF back', async () => {
    const before = await node.stateOf(vf);
    const { bench, inside } = await start();
    await using _ = bench;
    await using client = await VfioUser.start(inside);
    const { iommuGroup } = await bench.deliver(await bench.plan(vf, pod));
    await client.open(iommuGroup, vf);
    const closing = bench.close();
    await client.kill();
    await closing;
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('keeps the VF of a program that does not let go from everybody, and has it back when that ends', async () => {
    const before = await node.stateOf(vf);
    const { bench, inside } = await start();
    await using _ = bench;
    await using client = await VfioUser.start(inside);
    const { iommuGroup } = await bench.deliver(await bench.plan(vf, pod));
    await client.open(iommuGroup, vf);
    const refusal = await failure('busy', bench.close());
    expect(refusal.message).to.include(`IOMMU group ${iommuGroup} open`);
    expect(bench.owed.map(({ entry }) => entry.kind)).to.deep.equal(['device-used', 'vf-settings', 'group-bound']);
    await using another = await VfioUser.start(inside);
    expect((await another.open(iommuGroup, vf)).failure?.errno).to.equal('EPERM');
    await client.kill();
    await bench.retry();
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('refuses a group that a program has open although nobody was given it (one device, two owners)', async () => {
    const { bench, inside } = await start({ afterUse: 'keep', resetVfs: false });
    await using _ = bench;
    await using former = await VfioUser.start(inside);
    const { iommuGroup } = await bench.deliver(await bench.plan(vf, pod));
    await former.open(iommuGroup, vf);
    // A forwarder that has forgotten everything, as one is whose journal was lost.
    const { bench: successor } = { bench: new DeviceDeliveryBench(node, { afterUse: 'keep', resetVfs: false }) };
    const refusal = await failure('busy', successor.deliver(await successor.plan(vf, otherPod)));
    expect(refusal.message).to.include(`IOMMU group ${iommuGroup} open`);
    await former.close();
    await bench.close();
    await node.pci.bind(vf, 'igbvf', AbortSignal.timeout(10_000));
  });

  it('holds a VF without a wish for a MAC to the one that its netdev had, through every reset', async () => {
    const before = await node.stateOf(sibling);
    const { bench } = await start();
    await using _ = bench;
    await bench.deliver(await bench.plan(sibling, pod));
    expect((await node.stateOf(sibling)).settings.mac).to.equal(before.netdev?.mac);
    await bench.close();
    expect(await node.stateOf(sibling)).to.deep.equal(before);
  });
});
