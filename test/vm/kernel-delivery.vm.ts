import { expect } from 'chai';
import { deliverNetdev } from '../../src/mechanism/kernel/deliver-netdev.js';
import { refreshNetdev } from '../../src/mechanism/kernel/refresh-netdev.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { failure, linkNamed } from '../contract/network-harness.js';
import { output } from './commands.js';
import { DeliveryBench } from './delivery-bench.js';
import { firstPf, inTime, RealNode, secondPf } from './real-node.js';

describe('delivering a netdev of igbvf', () => {
  let node: RealNode;
  let vf: PciAddress;
  let sibling: PciAddress;
  /** A VF of the other card, on the same wire. */
  let distant: PciAddress;

  before(async () => {
    node = new RealNode();
    [vf = firstPf, sibling = firstPf] = await node.vfs(firstPf);
    [distant = secondPf] = await node.vfs(secondPf);
  });
  after(() => node[Symbol.dispose]());

  /** Delivers and waits for what a client waits for: a link that carries. */
  async function deliver(bench: DeliveryBench, ...wish: Parameters<DeliveryBench['plan']>) {
    const plan = await bench.plan(...wish);
    const delivered = await deliverNetdev(bench.world, plan, bench.work);
    await bench.pod.carries(plan.interfaceName);
    return { plan, delivered };
  }

  it('brings it under its name, with addresses and MTU, refreshes it, and takes it home as it was', async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node);
    const { plan, delivered } = await deliver(bench, vf, { addresses: ['10.1.0.1/24', 'fd00::1/64'], mtu: 1400 });
    const there = await linkNamed(bench.namespace, 'nsm-1');
    expect(there).to.include({ mtu: 1400, up: true, mac: before.netdev?.mac, parent: vf });
    const shown = await bench.pod.run('ip', '-br', 'address', 'show', 'dev', 'nsm-1');
    expect(shown).to.include('10.1.0.1/24').and.to.include('fd00::1/64');
    expect((await node.stateOf(vf)).netdev).to.equal(undefined);

    const ip = { addresses: ['10.1.0.2/24'], routes: [], neighbours: [], policies: [] };
    await refreshNetdev(bench.world, { plan: { ...plan, mtu: 1300, ip }, delivered }, bench.work);
    expect(await linkNamed(bench.namespace, 'nsm-1')).to.include({ mtu: 1300, up: true, index: there.index });
    expect(await bench.pod.run('ip', '-br', 'address', 'show', 'dev', 'nsm-1'))
      .to.include('10.1.0.2/24')
      .and.not.to.include('10.1.0.1');

    await bench.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
    expect(await bench.pod.run('ip', '-br', 'link')).to.not.include('nsm-1');
  });

  it('sets MAC and VLAN through the PF: netdevs carry the MAC, VLANs are apart', async () => {
    const vfs = [vf, sibling, distant];
    const before = await Promise.all(vfs.map((each) => node.stateOf(each)));
    await using one = await DeliveryBench.start(node);
    await using two = await DeliveryBench.start(node);
    await using other = await DeliveryBench.start(node);
    await deliver(one, vf, { mac: '02:00:00:00:00:01', vlan: 100, addresses: ['10.1.0.1/24'] });
    await deliver(two, distant, { mac: '02:00:00:00:00:02', vlan: 100, addresses: ['10.1.0.2/24'] });
    await deliver(other, sibling, { mac: '02:00:00:00:00:03', vlan: 200, addresses: ['10.1.0.3/24'] });

    expect((await linkNamed(one.namespace, 'nsm-1')).mac).to.equal('02:00:00:00:00:01');
    expect((await node.stateOf(vf)).settings).to.include({ mac: '02:00:00:00:00:01', vlan: 100 });
    expect((await node.stateOf(sibling)).settings).to.include({ mac: '02:00:00:00:00:03', vlan: 200 });
    expect(await one.pod.reaches('10.1.0.2', 30)).to.equal(true);
    expect(await two.pod.reaches('10.1.0.1', 30)).to.equal(true);
    expect(await other.pod.reaches('10.1.0.1', 3)).to.equal(false);

    for (const bench of [other, one, two]) await bench.unwind();
    expect(await Promise.all(vfs.map((each) => node.stateOf(each)))).to.deep.equal(before);
  });

  it('sets a VLAN alone without binding the driver anew', async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node);
    const { index } = await node.netdevOf(vf);
    const { delivered } = await deliver(bench, vf, { vlan: 100 });
    expect(delivered.netdev.index).to.equal(index);
    expect((await node.stateOf(vf)).settings.vlan).to.equal(100);
    await bench.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it("takes it home when the client is dead and only the forwarder's hold keeps its namespace", async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node);
    await deliver(bench, vf, { mac: '02:00:00:00:00:01', vlan: 100, mtu: 1400, addresses: ['10.1.0.1/24'] });
    await bench.pod.die();
    expect((await node.stateOf(vf)).netdev).to.equal(undefined);
    await bench.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  for (const wish of [{ mtu: 1400 }, { mac: '02:00:00:00:00:01', vlan: 100, mtu: 1400 }]) {
    it(`restores what the kernel brings home when the namespace ends (${Object.keys(wish)})`, async () => {
      const before = await node.stateOf(vf);
      await using bench = await DeliveryBench.start(node);
      await deliver(bench, vf, wish);
      await bench.pod.die();
      bench.drop();
      await node.netdevOf(vf); // until then it is nowhere, which is told and tried again
      await bench.unwind();
      expect(await node.stateOf(vf)).to.deep.equal(before);
    });
  }

  it('restores what the kernel has brought home a while ago, under the name of the client', async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node);
    await deliver(bench, vf, { mtu: 1400 });
    await bench.pod.die();
    bench.drop();
    expect(await node.netdevOf(vf)).to.include({ name: 'nsm-1', mtu: 1400, up: false });
    await bench.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('B17: refuses a name that the client has already, and harms neither', async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node);
    await bench.pod.run('ip', 'link', 'add', 'nsm-1', 'type', 'veth', 'peer', 'nsm-2');
    const resident = await linkNamed(bench.namespace, 'nsm-1');
    const plan = await bench.plan(vf, { mac: '02:00:00:00:00:01' });
    const refusal = await failure('exists', deliverNetdev(bench.world, plan, bench.work));
    expect(refusal.message).to.include('nsm-1');
    await bench.unwind();
    expect(await linkNamed(bench.namespace, 'nsm-1')).to.deep.equal(resident);
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('keeps the way home open when another netdev took its name meanwhile', async () => {
    const { name = '' } = (await node.stateOf(vf)).netdev ?? {};
    await using bench = await DeliveryBench.start(node);
    await deliver(bench, vf, {});
    await output('ip', 'link', 'add', name, 'type', 'veth', 'peer', 'other');
    await bench.unwind();
    expect((await node.netdevOf(vf)).name).to.equal('vf000001100');
    await output('ip', 'link', 'delete', name);
    await node.renew(vf);
  });

  it('binds the kernel driver to a VF that vfio-pci has, and gives it back', async () => {
    await node.pci.bind(vf, 'vfio-pci', inTime());
    const before = await node.stateOf(vf);
    expect(before).to.deep.include({ driver: 'vfio-pci', netdev: undefined });
    await using bench = await DeliveryBench.start(node);
    await deliver(bench, vf, { mac: '02:00:00:00:00:01', vlan: 100, addresses: ['10.1.0.1/24'] });
    expect((await linkNamed(bench.namespace, 'nsm-1')).mac).to.equal('02:00:00:00:00:01');
    await bench.unwind();
    const after = await node.stateOf(vf);
    // Without one from an administrator, igbvf makes up a MAC whenever it is bound.
    expect(after.settings.mac).to.not.equal('02:00:00:00:00:01');
    expect(after).to.deep.equal({ ...before, settings: { ...before.settings, mac: after.settings.mac } });
    await node.renew(vf);
  });
});
