import { expect } from 'chai';
import type { HandedDevice } from '../../src/forwarder/elements/hand-to-pod.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import type { Fault } from '../sim/fault-plan.js';
import { kindOf } from './kind-of.js';
import { messageOf, type OneClient, oneClient } from './one-client.js';
import type { SimulatedForwarder, SimulatedForwarderOptions } from './simulated-forwarder.js';
import { unlessEnded } from './simulated-process.js';

const vf = parsePciAddress('0000:01:10.0');
const longestMs = 60_000;
const never = new AbortController().signal;

/** Kubelet makes a pod with the token, and waits. */
async function give(world: SimulatedForwarder, token: TokenId): Promise<HandedDevice> {
  using deadline = world.clock.deadline('making a pod', longestMs);
  const { ended } = world.node;
  return await world.clock.advanceUntil(unlessEnded(world.forwarder.podDevices.give(token, deadline.signal), ended));
}

async function takeBack(world: SimulatedForwarder, token: TokenId): Promise<void> {
  const { ended } = world.node;
  await world.clock.advanceUntil(unlessEnded(world.forwarder.podDevices.takeBack(token), ended));
}

async function check(world: SimulatedForwarder, token: TokenId): Promise<string> {
  using deadline = world.clock.deadline('starting a container', longestMs);
  return await messageOf(world.clock.advanceUntil(world.forwarder.podDevices.check(token, deadline.signal)));
}

interface OnePod extends OneClient {
  readonly token: TokenId;
}

async function onePod(options: SimulatedForwarderOptions = {}): Promise<OnePod> {
  const made = await oneClient(options);
  return { ...made, token: made.wish.token };
}

describe('a pod that gets a VF as a device', () => {
  it('has it on vfio-pci, with the group to open, and nobody else is given access; it comes home whole', async () => {
    const { world, token, untouched } = await onePod();
    const handed = await give(world, token);
    expect(handed).to.deep.include({ function: vf, noIommu: false });
    expect(handed.device.iommuGroup).to.equal(2);
    expect(world.node.snapshot()).to.include(`${vf} vfio-pci`);
    expect(world.node.faults.calls.filter((call) => call.startsWith('access.'))).to.deep.equal([]);
    expect(await check(world, token)).to.equal('ok');
    await takeBack(world, token);
    expect(world.state()).to.equal(untouched);
    expect(await check(world, token))
      .to.include('no VF is there')
      .and.include('made anew');
  });

  it('is no connection: monitors see none, and no next hop is asked', async () => {
    const { world, token } = await onePod();
    const seen: string[] = [];
    using _ = world.forwarder.events.subscribe(({ type }) => seen.push(type));
    await give(world, token);
    expect([seen, world.forwarder.connections.established(), world.endpoint.requests]).to.deep.equal([[], [], []]);
    await takeBack(world, token);
    expect(seen).to.deep.equal([]);
  });

  for (const type of ['KERNEL', 'VFIO']) {
    it(`keeps it from NSM clients: a Request of ${type} with the token is refused and says why`, async () => {
      const { world, wish, token } = await onePod();
      world.node.pods.add('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d', { tokens: [token] });
      await give(world, token);
      const before = world.state();
      const message = await messageOf(world.connect({ ...wish, type }));
      expect(message).to.include(`its pod has VF ${vf} as a device`).and.include('NSM_VFIO_AT_ALLOCATE');
      expect(await kindOf(world.connect({ ...wish, type }))).to.equal('refused');
      expect(world.state()).to.equal(before);
    });
  }

  it('gets one although the last pod of the token still has one: that comes home first', async () => {
    const { world, token, untouched } = await onePod();
    await give(world, token);
    world.pool.allocate([token]);
    const second = await give(world, token);
    expect(second.function).to.equal(vf);
    expect(world.pool.token(token)?.podGone).not.to.equal(true);
    await takeBack(world, token);
    expect(world.state()).to.equal(untouched);
  });

  it('gets none while a process of the last pod has the group open, and the VF is nobody’s until that lets go', async () => {
    const { world, token, untouched } = await onePod();
    const { device } = await give(world, token);
    const process = world.node.others.openGroup(device.iommuGroup);
    world.pool.allocate([token]);
    expect(await kindOf(give(world, token))).to.equal('busy');
    expect(world.pool.function(vf)?.use.kind).to.equal('quarantined');
    process[Symbol.dispose]();
    await world.clock.advance(120_000);
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(world.state()).to.equal(untouched);
    expect((await give(world, token)).function).to.equal(vf);
  });

  it('is refused one that cannot serve, and nothing has changed', async () => {
    const { world, token, untouched } = await onePod({ drivers: [] });
    expect(await messageOf(give(world, token))).to.include('modprobe vfio-pci');
    expect(world.state()).to.equal(untouched);
  });

  it('is told that no IOMMU stands behind its group, where such groups are allowed', async () => {
    const { world, token, untouched } = await onePod({ pf: { iommu: 'none' }, vfio: { noIommuAllowed: true } });
    expect(await give(world, token)).to.deep.include({ function: vf, noIommu: true });
    await takeBack(world, token);
    expect(world.state()).to.equal(untouched);
  });

  it('does not start a container whose VF somebody has given another driver', async () => {
    const { world, token } = await onePod();
    await give(world, token);
    await world.node.bus.bind(vf, 'igbvf', never);
    expect(await check(world, token)).to.include('has the driver igbvf, not vfio-pci');
  });

  it('R3: keeps it when the forwarder is killed and started, and loses it when it went meanwhile', async () => {
    const { world, token, untouched } = await onePod();
    await give(world, token);
    const { connections } = await world.restart();
    expect(connections.map(({ verdict }) => verdict)).to.deep.equal(['kept']);
    expect(await check(world, token)).to.equal('ok');
    expect(await kindOf(world.connect({ token }))).to.equal('refused');
    await world.restart();
    await takeBack(world, token);
    expect(world.state()).to.equal(untouched);
  });

  it('has lost it when the driver was changed while no forwarder was there', async () => {
    const { world, token, untouched } = await onePod();
    await give(world, token);
    world.node.crash();
    await world.node.bus.bind(vf, 'igbvf', never);
    await world.node.settled();
    const { connections } = await world.restart();
    expect(connections.map(({ verdict }) => verdict)).to.deep.equal(['ended']);
    expect(await check(world, token)).to.include('no VF is there');
    expect(world.state()).to.equal(untouched);
  });
});

const faults: readonly Fault[] = ['before', 'after', 'hang', 'hang-after'];
const settings: readonly [string, SimulatedForwarderOptions][] = [
  ['a group for each VF', {}],
  ['one group of all VFs', { pf: { iommu: 'vfs-together' } }],
];
const acts = [
  ['the pod is made', async () => undefined, give],
  ['the pod is gone', give, takeBack],
] as const;

type Scenario = (typeof acts)[number];

interface Case {
  readonly options: SimulatedForwarderOptions;
  readonly scenario: Scenario;
  /** Which call of the scenario, from 1, goes wrong, and how. */
  readonly n: number;
  readonly fault: Fault;
}

/** A world in which the scenario is about to happen, and then goes wrong. */
async function prepared({ options, scenario, n, fault }: Case) {
  const made = await onePod(options);
  await scenario[1](made.world, made.token);
  const plan = made.world.node.faults;
  plan.restart();
  plan.failAt(n, fault);
  return { ...made, plan, where: () => `call ${n} (${plan.calls[n - 1]}), ${fault}` };
}

async function callsOf(options: SimulatedForwarderOptions, [, prepare, act]: Scenario): Promise<number> {
  const { world, token } = await onePod(options);
  await prepare(world, token);
  world.node.faults.restart();
  await act(world, token);
  return world.node.faults.calls.length;
}

/** Each call of the scenario goes wrong in each of these ways. */
async function everywhere(
  { options, scenario, faults }: Pick<Case, 'options' | 'scenario'> & { readonly faults: readonly Fault[] },
  run: (one: Case) => Promise<void>,
): Promise<void> {
  const calls = await callsOf(options, scenario);
  expect(calls).to.be.greaterThan(6);
  for (let n = 1; n <= calls; n += 1) for (const fault of faults) await run({ options, scenario, n, fault });
}

/** What a pod does after all: it goes. */
async function pass(world: SimulatedForwarder, token: TokenId): Promise<void> {
  await takeBack(world, token);
  await world.clock.advance(600_000);
  await world.node.settled();
}

async function failOnce(one: Case): Promise<void> {
  const { world, token, untouched, plan, where } = await prepared(one);
  const act = one.scenario[2];
  const outcome = await kindOf(act(world, token));
  const what = `${where()}, outcome ${outcome}`;
  expect(plan.pending, what).to.equal(0);
  const isOver = act === takeBack || outcome !== 'ok';
  if (isOver && world.forwarder.quarantined().length === 0) expect(world.state(), what).to.equal(untouched);
  await pass(world, token);
  expect(world.forwarder.quarantined(), what).to.deep.equal([]);
  expect(world.state(), what).to.equal(untouched);
  expect(world.clock.pending, `${what}: timers left`).to.equal(0);
}

async function killOnce(one: Case): Promise<void> {
  const { world, token, untouched, where } = await prepared(one);
  await one.scenario[2](world, token).catch(() => undefined);
  await world.restart();
  await world.node.settled();
  if (world.forwarder.podDevices.has(token)) expect(await check(world, token), where()).to.equal('ok');
  else if (world.forwarder.quarantined().length === 0) expect(world.state(), where()).to.equal(untouched);
  await pass(world, token);
  expect(world.state(), where()).to.equal(untouched);
}

describe('a pod that gets a VF as a device, when every port call fails once', () => {
  for (const [title, options] of settings) {
    for (const scenario of acts) {
      const [when] = scenario;
      it(`B1, L1: while ${when}, ${title}: all is undone, or quarantined and then undone`, async function () {
        this.timeout(60_000);
        await everywhere({ options, scenario, faults }, failOnce);
      });

      it(`R1: killed at any call while ${when}, ${title}: the next process has all of it or nothing`, async function () {
        this.timeout(60_000);
        await everywhere({ options, scenario, faults: ['crash', 'crash-after'] }, killOnce);
      });
    }
  }
});
