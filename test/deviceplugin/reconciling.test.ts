import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';

describe('keeping tokens true to the pods that hold them', () => {
  let rig: PluginRig;
  let offer: ModelOffer;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 4 });
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  async function started(): Promise<void> {
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 4);
  }

  async function addPod(name: string, count = 1): Promise<void> {
    await rig.kubelet.addPod({ namespace: 'ns', name, container: 'app', requests: { [NAME]: count } });
  }

  /** A forwarder whose tokens have other ids, as after a restart without a journal. */
  async function restartPlugin(count = 4): Promise<void> {
    await rig.stopPlugin();
    offer = new ModelOffer({ [NAME]: count });
    const fresh = offer.tokens(NAME).map(({ id }) => id);
    offer.restore(new Map([[NAME, fresh.map((id) => `fresh-${id}`)]]));
    offer.free(offer.held());
    await rig.startPlugin(offer);
  }

  it('frees the token of a pod that is gone, and knows the owners of the others', async () => {
    await started();
    await addPod('stays');
    await addPod('goes');
    await rig.polls(2);
    expect([...rig.plugin.owners.values()].map(({ pod }) => pod)).to.deep.equal(['stays', 'goes']);
    rig.kubelet.removePod('ns', 'goes');
    await rig.until(() => offer.held().length === 1);
    expect(offer.held()).to.deep.equal([`${NAME}#0`]);
  });

  it('does not free a token after one poll without it', async () => {
    await started();
    await addPod('p');
    await rig.polls(2);
    rig.kubelet.faults.emptyLists = 1;
    await rig.polls(4);
    expect(offer.held()).to.have.length(1);
  });

  it('restores the ids that pods hold before it registers', async () => {
    await started();
    await addPod('p', 2);
    const held = [...rig.kubelet.held(NAME)];
    await restartPlugin();
    expect(offer.held()).to.have.members(held);
    await rig.allocatable(NAME, 4);
    const listed = rig.kubelet.resource(NAME)?.devices.map(({ ID }) => ID);
    expect(listed).to.include.members(held);
  });

  it('R3, B31: frees a restored token when its pod goes', async () => {
    await started();
    await addPod('p', 2);
    await restartPlugin();
    expect(offer.held()).to.have.length(2);
    await rig.polls(1);
    rig.kubelet.removePod('ns', 'p');
    await rig.until(() => offer.held().length === 0);
  });

  it('B31: reports restored ids for which there is no token, once, and drops none silently', async () => {
    await started();
    await addPod('p', 4);
    await restartPlugin(3);
    await rig.polls(3);
    const reports = rig.log.lines.filter((line) => line.includes('cannot be taken over'));
    expect(reports).to.have.length(1);
    expect(reports[0]).to.contain(`"surplus":[{"name":"${NAME}","token":"${NAME}#3"}]`);
  });

  it('keeps the ids when kubelet restarts while pods run, also when its first answers are empty', async () => {
    await started();
    await addPod('p', 2);
    await rig.polls(2);
    const held = offer.held();
    rig.kubelet.faults.emptyLists = 6;
    await rig.kubelet.restart('KILL');
    await rig.polls(8);
    expect(rig.kubelet.faults.emptyLists).to.equal(0);
    expect(offer.held()).to.deep.equal(held);
    await rig.allocatable(NAME, 4);
  });

  it('frees the token of a pod that went while kubelet was down', async () => {
    await started();
    await addPod('p');
    await rig.polls(2);
    await rig.kubelet.stop();
    rig.kubelet.removePod('ns', 'p');
    await rig.kubelet.start();
    await rig.until(() => offer.held().length === 0);
  });

  it('frees the token of a pod that went while kubelet was down without waiting long: its checkpoint has not got it', async () => {
    await started();
    await addPod('stays');
    await addPod('goes');
    await rig.kubelet.stop();
    rig.kubelet.removePod('ns', 'goes');
    await rig.kubelet.start();
    const asked = rig.kubelet.lists.length;
    await rig.until(() => offer.held().length === 1);
    // By its list alone it would have been asked for a minute, once a second.
    expect(rig.kubelet.lists.length - asked).to.be.below(30);
  });

  it('keeps the tokens of pods that a kubelet without its API server does not list, as its checkpoint has them', async () => {
    await started();
    await addPod('static');
    await addPod('p');
    await rig.polls(2);
    const held = offer.held();
    rig.kubelet.faults.unlistedPods = ['p'];
    await rig.kubelet.restart('KILL');
    await rig.clock.sleep(90_000);
    expect(offer.held()).to.deep.equal(held);
    rig.kubelet.faults.unlistedPods = [];
    await rig.polls(2);
    rig.kubelet.removePod('ns', 'p');
    await rig.until(() => offer.held().length === 1);
  });

  it('waits for a pod that has its token but is not listed yet', async () => {
    await started();
    rig.kubelet.faults.emptyLists = 10;
    await addPod('p');
    await rig.until(() => rig.kubelet.faults.emptyLists === 0);
    expect(offer.held()).to.have.length(1);
  });

  it('takes up again a token that kubelet lists although it was freed', async () => {
    await started();
    await addPod('p');
    await rig.polls(2);
    offer.free(offer.held());
    await rig.until(() => offer.held().length === 1);
  });

  const badAnswers = {
    'is refused': (faults: PluginRig['kubelet']['faults']) => {
      faults.listError = { code: status.RESOURCE_EXHAUSTED, details: 'rejected by rate limit' };
    },
    hangs: (faults: PluginRig['kubelet']['faults']) => {
      faults.listHangs = true;
    },
  };
  for (const [what, breakIt] of Object.entries(badAnswers)) {
    it(`keeps the last good answer and the stream while List ${what}`, async () => {
      await started();
      await addPod('p');
      await rig.polls(2);
      breakIt(rig.kubelet.faults);
      await rig.polls(2);
      expect(offer.held()).to.have.length(1);
      expect(rig.plugin.owners.size).to.equal(1);
      expect(rig.kubelet.streams).to.equal(1);
      expect(rig.log.lines.filter((line) => line.includes('the last good answer stays'))).to.have.length(1);
    });
  }

  it('gives nothing out until kubelet has said what is in use', async () => {
    await rig.kubelet.start();
    rig.kubelet.faults.listError = { code: status.UNAVAILABLE, details: 'not yet' };
    await rig.startPlugin(offer);
    await rig.until(() => rig.kubelet.resource(NAME)?.capacity === 4);
    expect(rig.kubelet.resource(NAME)?.allocatable).to.equal(0);
    expect(rig.log.lines.join('\n')).to.contain('all are unhealthy until it does');
    rig.kubelet.faults.listError = undefined;
    await rig.allocatable(NAME, 4);
  });

  it('asks once for all resources', async () => {
    await started();
    await addPod('p');
    await rig.stopPlugin();
    for (let n = 0; n < 10; n++) offer.offer(`service.domain.${n}/x`, 1);
    const before = rig.kubelet.lists.length;
    await rig.startPlugin(offer, 600_000);
    await rig.allocatable('service.domain.9/x', 1);
    expect(rig.kubelet.lists).to.have.length(before + 1);
  });

  it('asks a kubelet that lists no pod at all once more before it believes that no token is held', async () => {
    await rig.kubelet.start();
    await rig.startPlugin(offer, 600_000);
    await rig.allocatable(NAME, 4);
    expect(rig.kubelet.lists).to.have.length(2);
  });

  it('is not taken in by the empty answer of a kubelet that was just started', async () => {
    await started();
    await addPod('p');
    await rig.kubelet.restart('KILL');
    rig.kubelet.faults.emptyLists = 1;
    await restartPlugin();
    await rig.allocatable(NAME, 4);
    expect(offer.held()).to.deep.equal([...rig.kubelet.held(NAME)]);
  });

  it('does not ask while it offers nothing', async () => {
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({}), 100);
    await rig.clock.sleep(5_000);
    expect(rig.kubelet.lists).to.deep.equal([]);
  });
});
