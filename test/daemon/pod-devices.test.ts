import { expect } from 'chai';
import { handedOn } from '../../src/daemon/handed-on.js';
import { offerFromPool } from '../../src/daemon/offer-from-pool.js';
import { podDeviceGiver } from '../../src/daemon/pod-device-giver.js';
import { PluginRig } from '../deviceplugin/plugin-rig.js';
import { kindOf } from '../forwarder/kind-of.js';
import { addClient, SimulatedForwarder, tokenName } from '../forwarder/simulated-forwarder.js';
import { never } from '../sim/expectations.js';

const vf = '0000:01:10.0';
const variable = 'PCIDEVICE_WORKER_DOMAIN_10G';
const wish = (name: string) => ({ namespace: 'ns', name, container: 'c', requests: { [tokenName]: 1 } });

/** Device plugin and forwarder as the daemon joins them, with a simulated kubelet over sockets and a node in memory. */
describe('VFs as devices, from kubelet’s Allocate to the hardware and back', () => {
  let rig: PluginRig;
  let world: SimulatedForwarder;

  beforeEach(async () => {
    rig = await PluginRig.create();
    world = await SimulatedForwarder.create();
    addClient(world);
    await world.node.settled();
    await rig.kubelet.start();
    await startPlugin();
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  async function startPlugin(): Promise<void> {
    const { podDevices } = world.forwarder;
    const inTime = {
      give: (...asked: Parameters<typeof podDevices.give>) => world.clock.advanceUntil(podDevices.give(...asked)),
      check: (...asked: Parameters<typeof podDevices.check>) => world.clock.advanceUntil(podDevices.check(...asked)),
      takeBack: (...asked: Parameters<typeof podDevices.takeBack>) => podDevices.takeBack(...asked),
    };
    const ignores = { release: () => undefined, podsGone: () => undefined };
    const offer = offerFromPool(world.pool, handedOn({ users: ignores, takeBack: ignores, podDevices }));
    const devices = podDeviceGiver(inTime, new Set([tokenName]));
    const plugin = await rig.restorePlugin(offer, { devices, pollInterval: 200 }, never);
    plugin.serve();
    await rig.allocatable(tokenName, 4);
  }

  const has = (text: string) => world.node.snapshot().includes(text);

  /** Lets time pass on the node until it is so. */
  async function until(condition: () => boolean): Promise<void> {
    await rig.until(async () => {
      await world.clock.advance(1_000);
      return condition();
    });
  }

  it('a pod gets a VF with its token, no client of NSM does with the same, and it comes home when the pod is gone', async () => {
    const before = world.node.snapshot();
    const environment = await rig.kubelet.addPod(wish('p'));
    expect(environment[variable]).to.equal(vf);
    expect(JSON.parse(environment[`${variable}_INFO`] ?? '')[vf].vfio['dev-mount']).to.equal('/dev/vfio/2');
    expect(has(`${vf} vfio-pci`)).to.equal(true);
    const [token] = world.pool.tokens(tokenName).filter(({ heldByPod }) => heldByPod);
    if (token === undefined) throw new Error('the pod has no token');
    expect(await kindOf(world.connect({ token: token.id }))).to.equal('refused');
    await rig.polls(4);
    expect(has(`${vf} vfio-pci`)).to.equal(true);
    rig.kubelet.removePod('ns', 'p');
    await until(() => !has(`${vf} vfio-pci`));
    expect(world.node.snapshot()).to.equal(before);
    expect(world.pool.functions().map(({ use }) => use.kind)).to.deep.equal(['free', 'free', 'free', 'free']);
  });

  it('more pods than VFs: those that come too late are refused by kubelet, the others have one each', async () => {
    const addresses = [];
    for (const name of ['a', 'b', 'c', 'd']) addresses.push((await rig.kubelet.addPod(wish(name)))[variable]);
    expect(new Set(addresses).size).to.equal(4);
    const refused = await rig.kubelet.addPod(wish('e')).catch((thrown: unknown) => thrown);
    expect((refused as Error).message).to.contain('requested number of devices unavailable');
  });

  it('R3: the forwarder is killed and started: the pod keeps its VF, and one that went meanwhile loses it', async () => {
    const stays = (await rig.kubelet.addPod(wish('stays')))[variable] ?? '';
    const goes = (await rig.kubelet.addPod(wish('goes')))[variable] ?? '';
    await rig.stopPlugin();
    world.node.crash();
    rig.kubelet.removePod('ns', 'goes');
    await world.restart();
    await startPlugin();
    await until(() => !has(`${goes} vfio-pci`));
    expect(has(`${stays} vfio-pci`)).to.equal(true);
  });

  it('a pod that cannot get one is not made, and its token is free again', async () => {
    world.node.faults.failNext('pci.bind', 'before', 'busy');
    const refused = await rig.kubelet.addPod(wish('p')).catch((thrown: unknown) => thrown);
    expect((refused as Error).message).to.contain('no VF for the pod');
    expect(world.pool.tokens(tokenName).filter(({ heldByPod }) => heldByPod)).to.deep.equal([]);
    expect((await rig.kubelet.addPod(wish('next')))[variable]).to.equal(vf);
  });
});
