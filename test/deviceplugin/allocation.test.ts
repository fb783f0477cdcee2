import { expect } from 'chai';
import { PluginEndpoint } from '../../simulation/kubelet/plugin-endpoint.js';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';
import { refusalOf } from './refusal-of.js';

const NAME = 'service.domain.1/10G';
const OTHER = 'service.domain.1/20G';

describe('kubelet allocating tokens', () => {
  let rig: PluginRig;
  let offer: ModelOffer;
  let endpoint: PluginEndpoint;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 4, [OTHER]: 2 });
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 4);
    await rig.allocatable(OTHER, 2);
    endpoint = new PluginEndpoint(rig.socketOf(NAME));
  });

  afterEach(async () => {
    endpoint.close();
    await rig[Symbol.asyncDispose]();
  });

  const refusal = (...ids: string[]) => refusalOf(endpoint, ids);

  it('gets the token environment of NSM clients for a pod with two resources', async () => {
    const requests = { [NAME]: 2, [OTHER]: 1 };
    const environment = await rig.kubelet.addPod({ namespace: 'ns', name: 'p', container: 'c', requests });
    expect(environment).to.deep.equal({
      'NSM_SRIOV_TOKENS_service.domain.1/10G': `${NAME}#0,${NAME}#1`,
      'NSM_SRIOV_TOKENS_service.domain.1/20G': `${OTHER}#0`,
    });
    expect(offer.held()).to.have.members([`${NAME}#0`, `${NAME}#1`, `${OTHER}#0`]);
  });

  it('gets the same answer for the same ids again, and nothing changes', async () => {
    const first = await endpoint.allocate([`${NAME}#2`]);
    expect(await endpoint.allocate([`${NAME}#2`])).to.deep.equal(first);
    expect(offer.held()).to.deep.equal([`${NAME}#2`]);
  });

  it('gets exactly one response for a request without ids, without environment', async () => {
    const { containerResponses } = await endpoint.allocate([]);
    expect(containerResponses.map(({ envs }) => envs)).to.deep.equal([{}]);
  });

  it('is refused an unknown id by name, and nothing has changed', async () => {
    expect(await refusal(`${NAME}#0`, 'nobody')).to.equal(`5 NOT_FOUND: ${NAME} has no token "nobody"`);
    expect(offer.held()).to.deep.equal([]);
  });

  it('is refused an id of another resource', async () => {
    expect(await refusal(`${OTHER}#0`)).to.equal(`5 NOT_FOUND: ${NAME} has no token "${OTHER}#0"`);
  });

  it('is refused the same id twice', async () => {
    expect(await refusal(`${NAME}#0`, `${NAME}#0`)).to.contain('3 INVALID_ARGUMENT');
    expect(offer.held()).to.deep.equal([]);
  });

  it('is refused a closed id, and nothing has changed', async () => {
    offer.setClosed(`${NAME}#1`, true);
    expect(await refusal(`${NAME}#0`, `${NAME}#1`)).to.equal(`9 FAILED_PRECONDITION: token ${NAME}#1 is closed`);
    expect(offer.held()).to.deep.equal([]);
  });

  it('B31: a failed Allocate does not free the ids in it that other pods hold', async () => {
    await endpoint.allocate([`${NAME}#0`]);
    expect(await refusal(`${NAME}#0`, 'nobody')).to.contain('NOT_FOUND');
    expect(offer.held()).to.deep.equal([`${NAME}#0`]);
  });

  it('gets an answer to the calls that need none', async () => {
    expect(await endpoint.options()).to.include({ preStartRequired: false, getPreferredAllocationAvailable: false });
    await endpoint.preStart([`${NAME}#0`]);
    const [a, b, c] = [`${NAME}#0`, `${NAME}#1`, `${NAME}#2`] as const;
    const one = { availableDeviceIDs: ['unknown', a, b, c], mustIncludeDeviceIDs: [c], allocationSize: 2 };
    const { containerResponses } = await endpoint.preferred({ containerRequests: [one] });
    expect(containerResponses.map(({ deviceIDs }) => deviceIDs)).to.deep.equal([[c, a]]);
  });
});
