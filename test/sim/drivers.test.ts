import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { type DriverQuirks, iavf, igb, plainDriver } from './driver-quirks.js';
import { failing, linkOf, moveByName, never, stateOf } from './expectations.js';
import { SimNode } from './node.js';
import type { PfOptions } from './pci-function.js';

const pf = '0000:01:00.0';
const vf0 = parsePciAddress('0000:01:10.0');
const mac = parseMac('02:00:00:00:00:01');
const other = parseMac('02:00:00:00:00:02');

function nodeWith(more: Partial<PfOptions> = {}): SimNode {
  return new SimNode({ pfs: [{ address: pf, name: 'pf0', vfs: 2, ...more }] });
}

describe('drivers of simulated functions', () => {
  it('make a VF netdev of their own at every binding: kernel name, new MAC, down', async () => {
    const node = nodeWith();
    const { home } = node.namespaces;
    const first = await linkOf(home, 'eth0');
    await home.links.change(first.index, { mtu: 1400, up: true, name: 'mine' }, never);
    await node.bus.unbind(vf0, never);
    await node.bus.bind(vf0, 'igbvf', never);
    const second = await linkOf(home, 'eth0');
    expect(second).to.include({ parent: vf0, mtu: 1500, up: false });
    expect(second.mac).not.to.equal(first.mac);
    expect(second.index).not.to.equal(first.index);
  });

  it('take the netdev away from wherever it is', async () => {
    const node = nodeWith();
    node.addNamespace('/sim/ns/a');
    using client = node.namespaces.open('/sim/ns/a');
    await moveByName(node.namespaces.home, client, ['eth0', 'nsm-1']);
    expect((await node.bus.facts(vf0)).netdevs).to.deep.equal([]);
    await node.bus.bind(vf0, 'vfio-pci', never);
    expect(await client.links.find({ name: 'nsm-1' }, never)).to.equal(undefined);
    await node.bus.bind(vf0, 'igbvf', never);
    expect((await node.bus.facts(vf0)).netdevs).to.deep.equal([{ name: 'eth0', devPort: 0 }]);
  });

  it('may register the netdev some time after they are bound', async () => {
    let register = () => {};
    const turn = (name: string) =>
      name.startsWith('igbvf registers')
        ? new Promise<void>((resolve) => {
            register = resolve;
          })
        : Promise.resolve();
    const node = new SimNode({ turn, pfs: [{ address: pf, name: 'pf0', vfs: 1, quirks: iavf }] });
    expect(await node.bus.facts(vf0)).to.deep.include({ driver: 'igbvf', netdevs: [] });
    register();
    await node.settled();
    expect(await node.bus.facts(vf0)).to.deep.include({ netdevs: [{ name: 'eth0', devPort: 0 }] });
  });

  it('do not let go of a VF while a process uses it; who waits can leave, the kernel goes through with it', async () => {
    const node = nodeWith();
    await node.bus.bind(vf0, 'vfio-pci', never);
    const use = node.others.useDevice(vf0);
    const leave = new AbortController();
    const unbinding = node.bus.unbind(vf0, leave.signal);
    expect(await stateOf(unbinding)).to.equal('pending');
    leave.abort();
    await failing('cancelled', unbinding);
    expect((await node.bus.facts(vf0)).driver).to.equal('vfio-pci');
    use[Symbol.dispose]();
    expect(await stateOf(node.settled())).to.equal('resolved');
    expect((await node.bus.facts(vf0)).driver).to.equal(undefined);
  });

  it('refuse vfio without an IOMMU, and functions that they do not know', async () => {
    const node = nodeWith({ iommu: 'none' });
    await failing('unsupported', node.bus.bind(vf0, 'vfio-pci', never));
    await failing('unsupported', node.bus.bind(vf0, 'igb', never));
    expect(await node.bus.facts(vf0))
      .to.include({ driver: 'igbvf' })
      .and.not.have.property('iommuGroup');
  });

  for (const [iommu, groups] of [
    ['isolated', [1, 2, 3]],
    ['vfs-together', [1, 2, 2]],
    ['with-pf', [1, 1, 1]],
  ] as const) {
    it(`find IOMMU groups ${iommu}`, async () => {
      const node = nodeWith({ iommu });
      const vfs = await node.bus.virtualFunctions(parsePciAddress(pf));
      const facts = await Promise.all([parsePciAddress(pf), ...vfs].map((address) => node.bus.facts(address)));
      expect(facts.map((fact) => fact.iommuGroup)).to.deep.equal(groups);
    });
  }

  it('are bound to new VFs at once, unless autoprobe is off', async () => {
    for (const [autoprobe, driver] of [
      [true, 'igbvf'],
      [false, undefined],
    ] as const) {
      const node = nodeWith({ vfs: 0, autoprobe });
      await failing('invalid', node.provisioning.createVfs(parsePciAddress(pf), 9, never));
      await node.provisioning.createVfs(parsePciAddress(pf), 8, never);
      expect((await node.bus.facts(parsePciAddress('0000:01:11.6'))).driver).to.equal(driver);
      await node.bus.bind(vf0, 'igbvf', never);
      expect((await node.bus.facts(vf0)).driver).to.equal('igbvf');
    }
  });

  it('may give one PF several netdevs', async () => {
    const node = nodeWith();
    node.others.addPort(pf, { name: 'pf0hpf', physPortName: 'pf0vf0' });
    expect((await node.bus.facts(parsePciAddress(pf))).netdevs).to.deep.equal([
      { name: 'pf0', devPort: 0 },
      { name: 'pf0hpf', devPort: 0, physPortName: 'pf0vf0' },
    ]);
  });

  it('hide the function behind a netdev where links only stand for VFs', async () => {
    const node = new SimNode({ simulatedVfs: true, pfs: [{ address: pf, name: 'pf0', vfs: 1 }] });
    expect(await linkOf(node.namespaces.home, 'eth0')).not.to.have.property('parent');
    expect(await node.namespaces.home.links.find({ parent: vf0 }, never)).to.equal(undefined);
    expect((await node.bus.facts(vf0)).netdevs).to.deep.equal([{ name: 'eth0', devPort: 0 }]);
  });
});

describe('the settings of simulated VFs', () => {
  const setUp = async (quirks: DriverQuirks) => {
    const node = nodeWith({ quirks });
    await node.settled();
    const { links } = node.namespaces.home;
    const pfIndex = (await linkOf(node.namespaces.home, 'pf0')).index;
    const vf = await linkOf(node.namespaces.home, 'eth0');
    return { node, links, pfIndex, vf, link: () => linkOf(node.namespaces.home, 'eth0') };
  };

  it('reach the netdev at once with a plain driver', async () => {
    const { links, pfIndex, link } = await setUp(plainDriver);
    await links.changeVf(pfIndex, 0, { mac }, never);
    expect(await link()).to.include({ mac });
  });

  it('reach the netdev on igb only when the VF is bound anew, and stay then', async () => {
    const { node, links, pfIndex, vf, link } = await setUp(igb);
    await links.changeVf(pfIndex, 0, { mac }, never);
    expect(await link()).to.include({ mac: vf.mac });
    for (const driver of ['vfio-pci', 'igbvf']) await node.bus.bind(vf0, driver, never);
    expect(await link()).to.include({ mac });
  });

  it('forbid an untrusted VF another MAC than the one its PF set', async () => {
    const { links, pfIndex, vf, link } = await setUp(igb);
    await links.changeVf(pfIndex, 0, { mac }, never);
    await failing('denied', links.change(vf.index, { mac: other }, never));
    await links.change(vf.index, { mac }, never);
    expect(await link()).to.include({ mac });
    await links.changeVf(pfIndex, 0, { trust: true }, never);
    await links.change(vf.index, { mac: other }, never);
    await links.changeVf(pfIndex, 0, { trust: false, mac: parseMac('00:00:00:00:00:00') }, never);
    await links.change(vf.index, { mac: parseMac(vf.mac) }, never);
  });

  it("show the VF's own MAC on igb where none is set; writing that back sets it", async () => {
    const { node, links, pfIndex, vf } = await setUp(igb);
    const before = node.snapshot();
    const shown = await links.readVf(pfIndex, 0, never);
    expect(shown.mac).to.equal(vf.mac);
    await links.changeVf(pfIndex, 0, { mac: shown.mac }, never);
    expect(node.snapshot()).not.to.equal(before);
  });

  it('are refused one by one: those before an unknown one have taken effect', async () => {
    const { links, pfIndex } = await setUp(igb);
    await failing('unsupported', links.changeVf(pfIndex, 0, { vlan: 100, linkState: 'enable', trust: true }, never));
    expect(await links.readVf(pfIndex, 0, never)).to.include({ vlan: 100, linkState: 'auto', trust: false });
    await failing('unsupported', links.changeVf(pfIndex, 0, { vlan: 1, vlanProtocol: '802.1ad' }, never));
    await failing('invalid', links.changeVf(pfIndex, 0, { minTxRate: 1, maxTxRate: 9 }, never));
    await links.changeVf(pfIndex, 0, { minTxRate: 0, maxTxRate: 9 }, never);
    expect(await links.readVf(pfIndex, 0, never)).to.include({ vlan: 100, maxTxRate: 9 });
  });

  it('outlive every driver of the VF', async () => {
    const { node, links, pfIndex } = await setUp(plainDriver);
    await node.bus.bind(vf0, 'vfio-pci', never);
    await links.changeVf(pfIndex, 0, { mac, vlan: 5 }, never);
    await node.bus.bind(vf0, 'igbvf', never);
    expect(await links.readVf(pfIndex, 0, never)).to.include({ mac, vlan: 5 });
  });
});
