import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';
const never = new AbortController().signal;

describe('asking whose a token is', () => {
  let rig: PluginRig;

  beforeEach(async () => {
    rig = await PluginRig.create();
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({ [NAME]: 4 }), 3_600_000);
    await rig.allocatable(NAME, 4);
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  async function addPod(name: string): Promise<string> {
    const wish = { namespace: 'ns', name, container: 'app', requests: { [NAME]: 1 } };
    const { [`NSM_SRIOV_TOKENS_${NAME}`]: id = '' } = await rig.kubelet.addPod(wish);
    return id;
  }

  it('knows of a pod that came after the last regular question, by a question about that pod', async () => {
    const id = await addPod('fresh');
    const before = rig.kubelet.lists.length;
    const owner = await rig.plugin.ownerOf(id, { namespace: 'ns', pod: 'fresh' }, never);
    expect(owner).to.deep.equal({ namespace: 'ns', pod: 'fresh', container: 'app', resource: NAME });
    expect(rig.kubelet.lists).to.have.length(before);
  });

  it('asks about all pods when it is not known which, or kubelet answers no question about one', async () => {
    const id = await addPod('fresh');
    expect((await rig.plugin.ownerOf(id, { pod: 'fresh' }, never))?.namespace).to.equal('ns');
    rig.kubelet.faults.getError = { code: status.UNKNOWN, details: 'PodResources API Get method disabled' };
    const next = await addPod('next');
    await rig.clock.sleep(1_000);
    expect((await rig.plugin.ownerOf(next, { namespace: 'ns', pod: 'next' }, never))?.pod).to.equal('next');
  });

  it('tells the true owner of a token that another pod claims', async () => {
    const id = await addPod('owner');
    expect((await rig.plugin.ownerOf(id, { namespace: 'ns', pod: 'thief' }, never))?.pod).to.equal('owner');
  });

  it('says nobody of a token that no pod has', async () => {
    await addPod('owner');
    expect(await rig.plugin.ownerOf('no-such-token', { namespace: 'ns', pod: 'owner' }, never)).to.equal(undefined);
  });

  it('answers many who ask about all pods at a time with one question', async () => {
    const id = await addPod('fresh');
    const before = rig.kubelet.lists.length;
    await Promise.all(Array.from({ length: 20 }, () => rig.plugin.ownerOf(id, { namespace: 'ns' }, never)));
    expect(rig.kubelet.lists).to.have.length(before + 1);
  });

  it('fails when kubelet does not answer, and asks again the next time', async () => {
    const id = await addPod('fresh');
    rig.kubelet.faults.listError = { code: status.UNAVAILABLE, details: 'not now' };
    const thrown = await rig.plugin.ownerOf(id, {}, never).catch((error: unknown) => error);
    expect((thrown as Error).message).to.contain('not now');
    rig.kubelet.faults.listError = undefined;
    expect((await rig.plugin.ownerOf(id, {}, never))?.pod).to.equal('fresh');
  });
});
