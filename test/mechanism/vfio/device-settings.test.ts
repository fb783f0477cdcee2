import { expect } from 'chai';
import { parseMac } from '../../../src/ports/ip.js';
import { failureOf } from '../../pci/failure.js';
import { igb } from '../../sim/driver-quirks.js';
import { DeviceBench, kinds, pf, vfs } from './device-bench.js';

const { signal } = new AbortController();

describe('settings of a device through its PF', () => {
  const shown = (bench: DeviceBench) => bench.node.snapshot().split('\n')[1]?.trim() ?? '';

  it('are those that were asked for, and what they were afterwards', async () => {
    for (const quirks of [undefined, igb]) {
      const bench = new DeviceBench(quirks && { pf: { quirks } });
      await bench.deliver(bench.plan(0, { mac: parseMac('02:00:00:00:00:01'), vlan: 100 }));
      expect(shown(bench)).to.include('mac=02:00:00:00:00:01, vlan=100');
      await bench.close();
      expect(bench.node.snapshot()).to.equal(bench.untouched);
    }
  });

  it('hold the VF to the MAC that its netdev had, where none was asked for', async () => {
    const bench = new DeviceBench({ pf: { quirks: igb } });
    const link = await bench.node.namespaces.home.links.find({ parent: vfs[0] ?? pf }, signal);
    await bench.deliver(bench.plan(0, { vlan: 7 }));
    expect(shown(bench)).to.include(`mac=${link?.mac}`).and.to.include('vlan=7');
    await bench.close();
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('that nobody asked for and the PF refuses cost no connection', async () => {
    const bench = new DeviceBench();
    bench.node.faults.failNext('links.changeVf', 'before', 'unsupported');
    await bench.deliver();
    expect(kinds(bench.ledger().entries())).to.not.include('vf-settings');
    await bench.close();
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('that were asked for and the PF refuses are an error, and nothing is left', async () => {
    const bench = new DeviceBench();
    bench.node.faults.failNext('links.changeVf', 'before', 'unsupported');
    const plan = bench.plan(0, { mac: parseMac('02:00:00:00:00:01') });
    expect((await failureOf(bench.deliver(plan))).kind).to.equal('unsupported');
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });
});
