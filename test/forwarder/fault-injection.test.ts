import { expect } from 'chai';
import type { Connection } from '../../apis/generated/connection.js';
import type { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import { igb, plainDriver } from '../sim/driver-quirks.js';
import type { Fault } from '../sim/fault-plan.js';
import type { PfOptions } from '../sim/pci-function.js';
import { kindOf } from './kind-of.js';
import { cgroupDir, podUid } from './one-pod.js';
import { addresses } from './simulated-endpoint.js';
import { addClient, refreshOf, SimulatedForwarder, type Wish } from './simulated-forwarder.js';

/** A node and what an endpoint answers there, first and on a refresh. */
interface Setting {
  readonly title: string;
  readonly pf: Partial<PfOptions>;
  /** How the client is served, if not by KERNEL. */
  readonly type?: 'VFIO';
  readonly first: Partial<ConnectionContext>;
  readonly later: Partial<ConnectionContext>;
}

const policy = { from: '10.0.0.1/32', proto: '6', dstPort: '80', srcPort: '', routes: [] };

const settings: readonly Setting[] = [
  {
    title: 'addresses only',
    pf: { quirks: plainDriver },
    first: { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', { policies: [policy] }) },
    later: {
      ipContext: addresses('10.0.0.9/32', '10.0.0.8/32', { policies: [{ ...policy, dstPort: '443' }] }),
      MTU: 1400,
    },
  },
  {
    title: 'MAC and VLAN through the PF, driver bound anew (igb)',
    pf: { quirks: igb },
    first: {
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32'),
      ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 },
      MTU: 1400,
    },
    later: {
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32'),
      ethernetContext: { srcMac: '02:00:00:00:00:02', dstMac: '', vlanTag: 200 },
    },
  },
  {
    title: 'the wrong driver at first',
    pf: { quirks: plainDriver, autoprobe: false },
    first: { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') },
    later: { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') },
  },
  {
    title: 'VFIO, MAC and VLAN through the PF',
    type: 'VFIO',
    pf: { quirks: igb },
    first: { ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 } },
    later: { ethernetContext: { srcMac: '02:00:00:00:00:02', dstMac: '', vlanTag: 200 } },
  },
  {
    title: 'VFIO, one IOMMU group of all VFs',
    type: 'VFIO',
    pf: { quirks: plainDriver, iommu: 'vfs-together' },
    first: {},
    later: { ethernetContext: { srcMac: '', dstMac: '', vlanTag: 200 } },
  },
];

const faults: readonly Fault[] = ['before', 'after', 'hang', 'hang-after'];

interface World {
  readonly forwarder: SimulatedForwarder;
  readonly wish: Wish;
  readonly untouched: string;
}

async function createWorld(setting: Setting): Promise<World> {
  const forwarder = await SimulatedForwarder.create({ pf: setting.pf });
  addClient(forwarder);
  const [token] = forwarder.allocate(1);
  if (token === undefined) throw new Error('no token');
  forwarder.endpoint.context = setting.first;
  const wish = setting.type === undefined ? { token } : { token, type: setting.type, parameters: { cgroupDir } };
  if (setting.type === 'VFIO') forwarder.node.pods.add(podUid, { containers: ['main', 'side'], tokens: [token] });
  await forwarder.node.settled();
  return { forwarder, wish, untouched: forwarder.state() };
}

async function established(world: World): Promise<Connection> {
  return world.forwarder.request(world.forwarder.firstRequest('U1', world.wish), world.wish);
}

/** One part of a connection's life, from a world in which it is about to happen. */
interface Scenario {
  readonly title: string;
  readonly prepare: (world: World) => Promise<Connection | undefined>;
  readonly act: (world: World, answer: Connection | undefined, setting: Setting) => Promise<unknown>;
}

const scenarios: readonly Scenario[] = [
  {
    title: 'Request',
    prepare: async () => undefined,
    act: (world) => established(world),
  },
  {
    title: 'refresh',
    prepare: established,
    act: ({ forwarder, wish }, answer, setting) => {
      forwarder.endpoint.context = setting.later;
      return forwarder.request(refreshOf(must(answer), wish), wish);
    },
  },
  {
    title: 'Close',
    prepare: established,
    act: ({ forwarder, wish }, answer) => forwarder.close(must(answer), wish),
  },
];

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('missing');
  return value;
}

/** Everything that a client does after something went wrong: it closes what it has, and time passes. */
async function giveUp({ forwarder, wish }: World, answer: Connection | undefined): Promise<void> {
  if (answer !== undefined) await kindOf(forwarder.close(answer, wish));
  await forwarder.clock.advance(600_000);
  await forwarder.node.settled();
}

async function countCalls(setting: Setting, scenario: Scenario): Promise<number> {
  const world = await createWorld(setting);
  const answer = await scenario.prepare(world);
  world.forwarder.node.faults.restart();
  await scenario.act(world, answer, setting);
  return world.forwarder.node.faults.calls.length;
}

async function runWithFault(setting: Setting, scenario: Scenario, [n, fault]: [number, Fault]) {
  const world = await createWorld(setting);
  const prepared = await scenario.prepare(world);
  const { faults: plan } = world.forwarder.node;
  plan.restart();
  plan.failAt(n, fault);
  let answer = prepared;
  const outcome = await kindOf(
    scenario.act(world, prepared, setting).then((result) => {
      answer = (result as Connection | undefined) ?? prepared;
    }),
  );
  const call = plan.calls[n - 1] ?? 'no call';
  return { world, answer, outcome, call, happened: plan.pending === 0 };
}

/**
 * What is not as before must be named: the VF in quarantine, with the step that failed. An endpoint that did not take
 * its Close is told so to the caller, and forgets the connection by itself when its token ends.
 */
function expectHomeOrNamed({ forwarder, untouched }: World, run: { where: string; call: string }): void {
  const quarantined = forwarder.forwarder.quarantined();
  if (quarantined.length === 0) expect(stateAfter(forwarder, run.call), run.where).to.equal(untouched);
  for (const vf of quarantined) {
    expect(vf.reason, run.where).to.include('could not undo');
    expect(forwarder.pool.function(vf.function)?.use.kind, run.where).to.equal('quarantined');
  }
}

function stateAfter(forwarder: SimulatedForwarder, call: string): string {
  const state = forwarder.state();
  return call.startsWith('nextHops.close') ? state.replace('endpoint: connection-1', 'endpoint: ') : state;
}

async function injectOne(setting: Setting, scenario: Scenario, [n, fault]: [number, Fault]): Promise<void> {
  const run = await runWithFault(setting, scenario, [n, fault]);
  const { world, call, outcome } = run;
  const where = `${scenario.title}, call ${n} (${call}), ${fault}, outcome ${outcome}`;
  expect(run.happened, where).to.equal(true);
  const failedRequest = scenario.title === 'Request' && outcome !== 'ok';
  if (failedRequest || scenario.title === 'Close') expectHomeOrNamed(world, { where, call });
  await giveUp(world, run.answer);
  expect(world.forwarder.forwarder.quarantined(), where).to.deep.equal([]);
  expect(stateAfter(world.forwarder, call), where).to.equal(world.untouched);
  expect(world.forwarder.clock.pending, `${where}: timers left`).to.equal(0);
}

describe('fault injection: every port call fails once, by error and by hanging', () => {
  for (const setting of settings) {
    for (const scenario of scenarios) {
      const title = `${scenario.title}, ${setting.title}: all is undone, or quarantined and then undone`;
      it(`B1, L1, B14, B23, B35, F2: ${title}`, async function () {
        this.timeout(60_000);
        const calls = await countCalls(setting, scenario);
        expect(calls).to.be.greaterThan(6);
        for (let n = 1; n <= calls; n += 1) {
          for (const fault of faults) await injectOne(setting, scenario, [n, fault]);
        }
      });
    }
  }

  it('B1, L1: a connection whose refresh failed at any call lives on, and refreshes and closes', async function () {
    this.timeout(60_000);
    const [setting] = settings;
    const refresh = must(scenarios[1]);
    const calls = await countCalls(must(setting), refresh);
    for (let n = 1; n <= calls; n += 1) {
      const { world, answer, outcome, call } = await runWithFault(must(setting), refresh, [n, 'before']);
      const where = `call ${n} (${call})`;
      if (outcome !== 'ok') {
        expect(world.forwarder.node.snapshot(), where).to.include('nsm-1 of').and.include('address 10.0.0.1/32');
      }
      const again = await world.forwarder.request(refreshOf(must(answer), world.wish), world.wish);
      const snapshot = world.forwarder.node.snapshot();
      expect(snapshot, where).to.include('address 10.0.0.9/32').and.not.include('address 10.0.0.1/32');
      await world.forwarder.close(again, world.wish);
      expect(world.forwarder.state(), where).to.equal(world.untouched);
    }
  });
});
