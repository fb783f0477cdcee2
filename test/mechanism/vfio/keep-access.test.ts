import { expect } from 'chai';
import { auditDevices, auditDevicesForEver } from '../../../src/mechanism/vfio/audit-devices.js';
import { inspectDevice } from '../../../src/mechanism/vfio/inspect-device.js';
import { SharedChanges } from '../../../src/mechanism/vfio/shared-changes.js';
import { RecordedLog } from '../../deviceplugin/recorded-log.js';
import { DeviceBench, kinds, otherPodUid } from './device-bench.js';

const usual = { major: 10, minor: 196 };
const { signal } = new AbortController();

describe('the access of a delivered device', () => {
  let bench: DeviceBench;
  let log: RecordedLog;

  beforeEach(() => {
    bench = new DeviceBench();
    log = new RecordedLog();
  });

  const eachLedger = async (work: (ledger: ReturnType<DeviceBench['ledger']>) => Promise<void>) => {
    for (const ledger of bench.ledgers()) await work(ledger);
  };
  const audit = () => auditDevices({ world: bench.world, eachLedger, log }, signal);
  const inspect = () => inspectDevice(bench.world, bench.plan(), bench.work());

  it('is given again after the runtime has set all rules of a container', async () => {
    const delivered = await bench.deliver();
    bench.node.pods.updateContainer(bench.pod, 'main');
    expect(bench.mayOpen(delivered)).to.equal(false);
    await audit();
    expect([bench.mayOpen(delivered), bench.mayOpen({ device: usual })]).to.deep.equal([true, true]);
    expect(kinds(bench.ledger().entries()).filter((kind) => kind === 'device-granted')).to.have.lengthOf(1);
    await bench.close();
    expect(bench.node.snapshot()).to.equal(bench.untouched);
  });

  it('C5: is given to a container that was started again, and goes with the connection', async () => {
    const delivered = await bench.deliver();
    bench.node.pods.restartContainer(bench.pod, 'main');
    expect(bench.mayOpen(delivered)).to.equal(false);
    await audit();
    expect(bench.mayOpen(delivered)).to.equal(true);
    expect(kinds(bench.ledger().entries()).filter((kind) => kind === 'device-granted')).to.have.lengthOf(1);
    await bench.close();
    expect(bench.mayOpen(delivered)).to.equal(false);
    expect([bench.world.grants.size, bench.ledger().entries().length]).to.deep.equal([0, 0]);
  });

  it('C5: is given to a container that is new in the pod, also by a process that knows it from the record alone', async () => {
    const delivered = await bench.deliver();
    bench.restart();
    bench.node.pods.startContainer(bench.pod, 'side');
    await audit();
    expect(bench.mayOpen(delivered, 'side')).to.equal(true);
    await bench.close();
    expect(bench.mayOpen(delivered, 'side')).to.equal(false);
  });

  it('is looked at without a change when all is well', async () => {
    await bench.deliver();
    bench.node.faults.restart();
    await audit();
    expect(bench.node.faults.calls.map((call) => call.split(' ')[0])).to.deep.equal([
      'vfio.group',
      'access.cgroupsOf',
      'access.read',
      'access.read',
      'access.shownGrants',
    ]);
    expect(log.lines).to.deep.equal([]);
  });

  it('is no matter of concern while the pod has no container', async () => {
    await bench.deliver();
    bench.node.pods.stopContainer(bench.pod, 'main');
    expect(await inspect()).to.equal(undefined);
    bench.node.pods.remove(bench.pod);
    await audit();
    expect(log.lines).to.deep.equal([]);
    await bench.close();
    expect(bench.owed).to.deep.equal([]);
  });

  it('is taken back at once when the node is another one, whose number may be of another device', async () => {
    const delivered = await bench.deliver();
    const vf = bench.plan().function;
    await bench.node.bus.bind(vf, 'igbvf', signal);
    expect(await inspect()).to.deep.include({ kind: 'astray' });
    await bench.node.bus.bind(bench.plan(1).function, 'vfio-pci', signal);
    await bench.node.bus.bind(vf, 'vfio-pci', signal);
    expect(await inspect()).to.deep.include({ kind: 'astray' });
    expect(bench.mayOpen(delivered)).to.equal(false);
    expect(kinds(bench.ledger().entries())).to.not.include('device-granted');
  });

  it('that cannot be given back is a finding with its reason', async () => {
    await bench.deliver();
    bench.node.pods.updateContainer(bench.pod, 'main');
    using _ = bench.node.faults.failEvery('access.grant', 'before', 'unsupported');
    const finding = await inspect();
    expect(finding?.kind).to.equal('changed');
    expect(finding?.reason).to.include('has lost access').and.to.include('made to fail');
    await audit();
    expect(log.lines.join()).to.include('a client has lost access to its device');
  });

  it('is taken back where no record justifies it: that of a process whose journal was lost', async () => {
    const delivered = await bench.deliver();
    const stranger = bench.node.pods.add(otherPodUid);
    bench.node.pods.tree.update(bench.node.pods.container(stranger, 'main'), [usual]);
    bench.world = { ...bench.world, grants: new SharedChanges() };
    await auditDevices({ world: bench.world, eachLedger: async () => undefined, log }, signal);
    expect(bench.mayOpen(delivered)).to.equal(false);
    expect(bench.mayOpen({ device: usual }, 'main', stranger)).to.equal(true);
    expect(log.lines.join()).to.include('took back access to devices that no connection justifies');
  });

  it('is looked after until the signal fires, whatever goes wrong meanwhile', async () => {
    const delivered = await bench.deliver();
    const end = new AbortController();
    const looking = auditDevicesForEver({ world: bench.world, eachLedger, log }, 10_000, end.signal);
    bench.node.faults.failNext('access.shownGrants', 'before');
    await bench.clock.advance(10_000);
    expect(log.lines.join()).to.include('could not be compared');
    bench.node.pods.restartContainer(bench.pod, 'main');
    await bench.clock.advance(10_000);
    expect(bench.mayOpen(delivered)).to.equal(true);
    end.abort();
    await looking;
    expect(bench.clock.pending).to.equal(0);
  });
});
