import { expect } from 'chai';
import { bindGroup } from '../../../src/mechanism/vfio/bind-group.js';
import { whyNoVfio } from '../../../src/mechanism/vfio/iommu-rules.js';
import { failureOf } from '../../pci/failure.js';
import { DeviceBench, pf, vfs } from './device-bench.js';

const { signal } = new AbortController();

describe('the IOMMU group of a device', () => {
  it('B10, P2: that holds the PF serves no VFIO, and the PF and all drivers stay as they are', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'with-pf' } });
    const failure = await failureOf(bench.deliver());
    expect(failure.kind).to.equal('unsupported');
    expect(failure.message).to.include(`holds the PF ${pf}`);
    expect(bench.node.snapshot()).to.equal(bench.untouched);
    expect(bench.ledger().entries()).to.deep.equal([]);
    expect(await whyNoVfio(bench.world, bench.plan().function)).to.equal(failure.message);
  });

  it('of several VFs is bound whole, for as long as any connection needs it', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'vfs-together' } });
    const drivers = async () => Promise.all(vfs.map(async (vf) => (await bench.node.bus.facts(vf)).driver));
    await bench.deliver(bench.plan(0), 'a');
    expect(new Set(await drivers())).to.deep.equal(new Set(['vfio-pci']));
    await bench.deliver(bench.plan(1), 'b');
    bench.restart();
    await bench.close('a');
    expect(new Set(await drivers())).to.deep.equal(new Set(['vfio-pci']));
    await bench.close('b');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('of several VFs is not waited for while another connection may have it open', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'vfs-together' } });
    const { iommuGroup } = await bench.deliver(bench.plan(0), 'a');
    await bench.deliver(bench.plan(1), 'b');
    using _ = bench.node.others.openGroup(iommuGroup);
    await bench.close('a');
    expect((await failureOf(bench.close('b'))).message).to.include(`IOMMU group ${iommuGroup} open`);
  });

  it('with a VF in it whose netdev is away serves no VFIO: binding would take it from its user', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'vfs-together' } });
    bench.node.addNamespace('/sim/ns/pod');
    using elsewhere = bench.node.namespaces.open('/sim/ns/pod');
    const { links } = bench.node.namespaces.home;
    const link = await links.find({ parent: vfs[2] ?? pf }, signal);
    await links.move(link?.index ?? 0, elsewhere, 'eth9', signal);
    const before = bench.node.snapshot();
    const failure = await failureOf(bench.deliver());
    expect(failure.kind).to.equal('busy');
    expect(failure.message).to.include(`${vfs[2]} in it has the driver igbvf and its netdev is away`);
    expect(bench.node.snapshot()).to.equal(before);
  });

  it('with a VF in it that is not ours to give serves no VFIO while that has a driver', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'vfs-together' }, settings: { isOffered: (it) => it !== vfs[3] } });
    const failure = await failureOf(bench.deliver());
    expect(failure.kind).to.equal('busy');
    expect(failure.message).to.include(`${vfs[3]} in it is not configured`);
    await bench.node.bus.unbind(vfs[3] ?? pf, signal);
    await bench.deliver();
    expect((await bench.node.bus.facts(vfs[3] ?? pf)).driver).to.equal(undefined);
  });

  it('B13: that there is not is said, with what to do', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'none' }, noIommuAllowed: true });
    const failure = await failureOf(bench.deliver());
    expect(failure.kind).to.equal('unsupported');
    expect(failure.message).to.include('has no IOMMU group').and.to.include('intel_iommu=on');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('that the kernel makes up without an IOMMU serves where that is allowed', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'none' }, noIommuAllowed: true, settings: { noIommuAllowed: true } });
    const delivered = await bench.deliver();
    expect(await bench.node.vfio.group(delivered.iommuGroup)).to.deep.include({ noIommu: true });
    expect(bench.mayOpen(delivered)).to.equal(true);
    await bench.close();
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('that turns out to be made up is given back where that is not allowed', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'none' }, noIommuAllowed: true, settings: { noIommuAllowed: true } });
    const strict = { ...bench.world, noIommuAllowed: false };
    const failure = await failureOf(bindGroup(strict, vfs[0] ?? pf, bench.work()));
    expect(failure.kind).to.equal('unsupported');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('is taken by each of two connections that bind it at the same time', async () => {
    const bench = new DeviceBench({ pf: { iommu: 'vfs-together' } });
    await Promise.all([bench.deliver(bench.plan(0), 'a'), bench.deliver(bench.plan(1), 'b')]);
    await Promise.all([bench.close('a'), bench.close('b')]);
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });
});
