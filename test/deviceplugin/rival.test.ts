import { expect } from 'chai';
import { FollowedList } from '../../src/deviceplugin/followed-list.js';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';
import { RivalPlugin } from './rival-plugin.js';

const NAME = 'service.domain.1/10G';
const foreign = ['vf-a', 'vf-b'];

describe('another plugin that registers the same resource', () => {
  let rig: PluginRig;
  let offer: ModelOffer;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 3, 'service.domain.2/20G': 1 });
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 3);
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  const state = () => rig.plugin.states().get(NAME);
  const listed = () => rig.kubelet.resource(NAME)?.devices.map(({ ID }) => ID);
  const pod = { namespace: 'ns', name: 'p', container: 'app', requests: { [NAME]: 1 } };

  it('is noticed and reported once, with some of its ids; the other resources are left alone', async () => {
    await using rival = new RivalPlugin(rig.devicePluginPath, foreign);
    await rival.register(NAME);
    await rig.until(() => state()?.kind === 'displaced');
    expect(state()).to.deep.equal({ kind: 'displaced', rival: foreign });
    await rig.clock.sleep(5_000);
    const reports = rig.log.lines.filter((line) => line.includes('another device plugin has registered'));
    expect(reports).to.have.length(1);
    expect(reports[0]).to.contain('"rival":["vf-a","vf-b"]');
    expect(rig.plugin.states().get('service.domain.2/20G')?.kind).to.equal('registered');
  });

  it('is not fought: no second Register, and no list of ours that would send our ids to it', async () => {
    await using rival = new RivalPlugin(rig.devicePluginPath, foreign);
    await rival.register(NAME);
    await rig.until(() => state()?.kind === 'displaced');
    const before = rig.kubelet.registrations.length;
    offer.setClosed(`${NAME}#0`, true);
    await rig.clock.sleep(10_000);
    expect(rig.kubelet.registrations).to.have.length(before);
    expect(listed()).to.deep.equal(foreign);
    await rig.kubelet.addPod(pod);
    expect(rival.allocated).to.have.length(1);
  });

  it('makes room when it goes: ours is registered again and tells all', async () => {
    {
      await using rival = new RivalPlugin(rig.devicePluginPath, foreign);
      await rival.register(NAME);
      await rig.until(() => state()?.kind === 'displaced');
    }
    await rig.allocatable(NAME, 3);
    expect(state()?.kind).to.equal('registered');
    expect((await rig.kubelet.addPod(pod))[`NSM_SRIOV_TOKENS_${NAME}`]).to.match(/#\d$/);
  });

  it('that was there first and says its list now and then: kubelet asks us for its ids, and we tell ours again', async () => {
    await rig.stopPlugin();
    await using rival = new RivalPlugin(rig.devicePluginPath, foreign);
    await rival.register(NAME);
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 3);
    rival.tell();
    await rig.until(() => listed()?.[0] === 'vf-a');
    const refused = await rig.kubelet.addPod(pod).catch((thrown: unknown) => thrown);
    expect((refused as Error).message).to.contain(`${NAME} has no token "vf-a"`);
    await rig.allocatable(NAME, 3);
    await rig.kubelet.addPod(pod);
  });
});

describe('whose list kubelet goes by', () => {
  const own = new Set(['a', 'b']);
  const look = (...counted: string[]) => ({ counted: new Set(counted), own, healthy: own });

  it('is believed when two looks in a row say the same', () => {
    const list = new FollowedList();
    expect(list.look(look('a'))?.kind).to.equal('ours');
    expect(list.look(look())).to.equal(undefined);
    expect(list.look(look())?.kind).to.equal('nobody');
    expect(list.look(look('x'))).to.equal(undefined);
    expect(list.look(look('x', 'a'))).to.deep.equal({ kind: 'rival', ids: ['x'] });
    expect(list.look(look('b'))).to.equal(undefined);
    expect(list.look(look('b'))?.kind).to.equal('ours');
  });

  it('is ours as far as can be seen when no token of ours is healthy', () => {
    const list = new FollowedList();
    const nothing = { counted: new Set<string>(), own, healthy: new Set<string>() };
    expect([list.look(nothing), list.look(nothing)].map((it) => it?.kind)).to.deep.equal(['ours', 'ours']);
  });
});

describe('a kubelet that drops our plugin without ending the stream', () => {
  it('is registered with again, because it counts none of our tokens', async () => {
    await using rig = await PluginRig.create();
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({ [NAME]: 2 }));
    await rig.allocatable(NAME, 2);
    rig.kubelet.forget(NAME);
    await rig.until(() => rig.kubelet.registrations.length === 2);
    await rig.allocatable(NAME, 2);
    expect(rig.log.lines.join('\n')).to.contain('counts none of our tokens');
  });
});
