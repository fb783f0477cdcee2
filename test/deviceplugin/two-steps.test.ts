import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';

describe('the two steps of a start', () => {
  let rig: PluginRig;
  let offer: ModelOffer;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 2 });
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  const remembered = (...ids: string[]) => ({ remembered: new Map([[NAME, ids]]) });

  /** A pod that got its token from a plugin which is gone. */
  async function podWithToken(): Promise<string> {
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 2);
    await rig.kubelet.addPod({ namespace: 'ns', name: 'p', container: 'app', requests: { [NAME]: 1 } });
    await rig.stopPlugin();
    const [id = ''] = rig.kubelet.held(NAME);
    offer = new ModelOffer({ [NAME]: 2 });
    return id;
  }

  it('first: knows what kubelet lists, and neither serves nor registers', async () => {
    const id = await podWithToken();
    const before = rig.kubelet.registrations.length;
    const plugin = await rig.restorePlugin(offer);
    expect(plugin.restoration.kubelet).to.equal('answered');
    expect(offer.held()).to.deep.equal([id]);
    expect(plugin.owners.get(id)?.pod).to.equal('p');
    await rig.kubelet.restart();
    await rig.clock.sleep(12_000);
    expect(rig.kubelet.registrations).to.have.length(before);
    expect(existsSync(rig.socketOf(NAME))).to.equal(false);
  });

  it('second: serves and registers', async () => {
    await podWithToken();
    (await rig.restorePlugin(offer)).serve();
    await rig.allocatable(NAME, 2);
  });

  it('takes over what is remembered beside what kubelet lists', async () => {
    const id = await podWithToken();
    await rig.restorePlugin(offer, remembered('from-the-journal', id));
    expect(offer.held()).to.have.members(['from-the-journal', id]);
  });

  it('gives kubelet the right of way where there are too few tokens, and says which are left over', async () => {
    const id = await podWithToken();
    const plugin = await rig.restorePlugin(offer, remembered('one', 'two', 'three'));
    expect(offer.held()).to.have.length(2).and.include(id);
    const left = [
      { name: NAME, token: 'two' },
      { name: NAME, token: 'three' },
    ];
    expect(plugin.restoration.remembered.surplus).to.deep.equal(left);
    expect(rig.log.lines.join('\n')).to.contain('remembered tokens cannot be taken over');
  });

  it('goes by what is remembered while kubelet is away, and says so; nothing is given out until it is there', async () => {
    const plugin = await rig.restorePlugin(offer, remembered('from-the-journal'));
    expect(plugin.restoration.kubelet).to.equal('away');
    expect(offer.held()).to.deep.equal(['from-the-journal']);
    plugin.serve();
    await rig.kubelet.start();
    await rig.allocatable(NAME, 2);
  });

  it('R3: frees a remembered token that neither kubelet nor its checkpoint knows', async () => {
    await rig.kubelet.start();
    (await rig.restorePlugin(offer, remembered('gone'))).serve();
    await rig.allocatable(NAME, 2);
    expect(offer.held()).to.deep.equal(['gone']);
    await rig.until(() => offer.held().length === 0);
  });

  it('the first can be left in the middle', async () => {
    const cancelled = AbortSignal.abort(new Error('enough'));
    const thrown = await rig.restorePlugin(offer, {}, cancelled).catch((error: unknown) => error);
    expect(thrown).to.be.instanceOf(Error);
  });
});
