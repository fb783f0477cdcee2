import { expect } from 'chai';
import { deliverNetdev } from '../../src/mechanism/kernel/deliver-netdev.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { linkNamed } from '../contract/network-harness.js';
import { output, type Pod } from './commands.js';
import { DeliveryBench } from './delivery-bench.js';
import { firstPf, RealNode, secondPf } from './real-node.js';

describe('a VF of igbvf that becomes free', () => {
  let node: RealNode;
  let vf: PciAddress;
  /** A VF of the other card, on the same wire. */
  let distant: PciAddress;

  before(async () => {
    node = new RealNode();
    [vf = firstPf] = await node.vfs(firstPf);
    [distant = secondPf] = await node.vfs(secondPf);
  });
  after(() => node[Symbol.dispose]());

  async function deliver(bench: DeliveryBench, ...wish: Parameters<DeliveryBench['plan']>): Promise<void> {
    const plan = await bench.plan(...wish);
    await deliverNetdev(bench.world, plan, bench.work);
    await bench.pod.carries(plan.interfaceName);
  }

  /** What a client can do to the netdev it was given. */
  async function misuse(pod: Pod, ...more: readonly string[]): Promise<void> {
    const { name: taken } = await node.netdevOf(firstPf);
    const commands = [
      'ip link property add dev nsm-1 altname mine-for-ever',
      `ip link property add dev nsm-1 altname ${taken}`,
      'ip link set dev nsm-1 promisc on allmulticast on txqueuelen 7 mtu 900',
      'ip link add link nsm-1 name stowaway type vlan id 7',
      'ip link set dev stowaway up',
      'tc qdisc add dev nsm-1 root pfifo limit 7',
      ...more,
      'ip link set dev nsm-1 down name renamed',
    ];
    for (const command of commands) {
      const [program = '', ...words] = command.split(' ');
      await pod.run(program, ...words);
    }
  }

  /** All that the kernel tells of the netdev, but for its index and the MAC that igbvf makes up whenever it is bound. */
  async function details(): Promise<string> {
    const { name } = await node.netdevOf(vf);
    const shown = await output('ip', '-details', 'link', 'show', 'dev', name);
    return shown.replace(/^\d+/, 'index').replace(/ permaddr \S+/, '');
  }

  for (const wish of [{}, { mac: '02:00:00:00:00:01', vlan: 100, mtu: 1400 }]) {
    it(`B25: has nothing left of a client that misused it (${Object.keys(wish)})`, async () => {
      await node.renew(vf);
      const [before, shown] = [await node.stateOf(vf), await details()];
      await using bench = await DeliveryBench.start(node);
      await deliver(bench, vf, wish);
      await misuse(bench.pod, ...('mac' in wish ? [] : ['ip link set dev nsm-1 address 02:00:00:00:66:66']));
      await bench.unwind();
      expect(await node.stateOf(vf)).to.deep.equal(before);
      expect(await details()).to.equal(shown);
      expect(await bench.pod.run('ip', '-br', 'link')).to.not.match(/stowaway|nsm-1|renamed/);
    });
  }

  it('serves the next client', async () => {
    const before = await node.stateOf(vf);
    await using one = await DeliveryBench.start(node);
    await using two = await DeliveryBench.start(node);
    await deliver(one, vf, { mac: '02:00:00:00:00:03', addresses: ['10.3.0.1/24'] });
    await deliver(two, distant, { addresses: ['10.3.0.2/24'] });
    expect(await one.pod.reaches('10.3.0.2', 30)).to.equal(true);
    await one.unwind();
    await two.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('has its client on it still when resets are off: a VLAN device stays behind in the pod, and works', async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node, { resetVfs: false });
    await deliver(bench, vf, {});
    await misuse(bench.pod);
    await bench.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
    expect(await linkNamed(bench.namespace, 'stowaway')).to.include({ mac: before.netdev?.mac });
    await node.renew(vf);
    expect(await bench.pod.run('ip', '-br', 'link')).to.not.include('stowaway');
  });

  it('is found, reset and given back when the client has hidden it in another namespace', async () => {
    const before = await node.stateOf(vf);
    await using bench = await DeliveryBench.start(node);
    await using elsewhere = await DeliveryBench.start(node);
    await deliver(bench, vf, {});
    const { index } = await linkNamed(bench.namespace, 'nsm-1');
    await bench.namespace.links.move(index, elsewhere.namespace, 'hidden', AbortSignal.timeout(10_000));
    await bench.unwind();
    expect(await node.stateOf(vf)).to.deep.equal(before);
  });

  it('costs a driver bound anew and a reset', async () => {
    const close = async (resetVfs: boolean) => {
      await using bench = await DeliveryBench.start(node, { resetVfs });
      await deliver(bench, vf, {});
      const start = performance.now();
      await bench.unwind();
      return performance.now() - start;
    };
    const times = [];
    for (const resetVfs of [true, false, true, false]) times.push((await close(resetVfs)).toFixed(0));
    console.log(
      `      taken back in ${times[0]} and ${times[2]} ms, without a reset in ${times[1]} and ${times[3]} ms`,
    );
  });
});
