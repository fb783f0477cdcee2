import { Client, credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { RegistrationService } from '../../apis/generated/deviceplugin-v1beta1.js';
import { isExtendedResourceName } from '../../simulation/kubelet/resource-rule.js';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';

describe('the simulated kubelet is as awkward as the real one', () => {
  let rig: PluginRig;
  let offer: ModelOffer;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 2 });
    await rig.kubelet.start();
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 2);
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  async function register(change: { version?: string; endpoint?: string; resourceName?: string }): Promise<string> {
    const client = new Client(`unix:${rig.devicePluginPath}/kubelet.sock`, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = RegistrationService.register;
    const [own] = rig.kubelet.registrations;
    const request = {
      version: 'v1beta1',
      resourceName: NAME,
      endpoint: own?.endpoint ?? '',
      ...change,
      options: undefined,
    };
    return new Promise((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error) => {
        client.close();
        resolve(error === null ? 'registered' : error.details);
      });
    });
  }

  const addPod = (name: string, requests: Record<string, number>) =>
    rig.kubelet.addPod({ namespace: 'ns', name, container: 'c', requests });

  const refusal = (name: string, requests: Record<string, number>) =>
    addPod(name, requests).then(
      () => 'admitted',
      (thrown: unknown) => (thrown as Error).message,
    );

  it('refuses a version, a name and a socket that it cannot use', async () => {
    expect(await register({ version: 'v2' })).to.equal('unsupported version v2');
    expect(await register({ resourceName: 'no-domain' })).to.equal('invalid resource name no-domain');
    expect(await register({ endpoint: 'nobody.sock' })).to.contain('failed to dial device plugin');
    expect(await register({ endpoint: rig.socketOf(NAME) })).to.contain('failed to dial device plugin');
  });

  it('disconnects the newest plugin of a resource when the stream of an older one ends', async () => {
    expect(await register({})).to.equal('registered');
    expect(rig.kubelet.streams).to.equal(2);
    await rig.stopPlugin();
    await rig.until(() => rig.kubelet.streams === 0);
    expect(rig.kubelet.resource(NAME)).to.include({ capacity: 2, allocatable: 0 });
  });

  it('refuses a pod for which there are not enough devices', async () => {
    await addPod('first', { [NAME]: 1 });
    const text = `requested number of devices unavailable for ${NAME}. Requested: 2, Available: 1`;
    expect(await refusal('second', { [NAME]: 2 })).to.equal(text);
    rig.kubelet.removePod('ns', 'first');
    expect(await refusal('second', { [NAME]: 2 })).to.equal('admitted');
  });

  it('refuses a pod when nothing is healthy, and when the plugin is gone', async () => {
    for (const { id } of offer.tokens(NAME)) offer.setClosed(id, true);
    await rig.allocatable(NAME, 0);
    expect(await refusal('p', { [NAME]: 1 })).to.contain('no healthy devices present');
    await rig.stopPlugin();
    await rig.until(() => rig.kubelet.streams === 0);
    expect(await refusal('p', { [NAME]: 1 })).to.contain('cannot allocate unregistered device');
  });

  it('lets a pod start without a resource that nobody ever registered', async () => {
    expect(await addPod('p', { 'other.domain/x': 1 })).to.deep.equal({});
  });

  it('knows the names of extended resources', () => {
    const legal = [NAME, 'a/B_c.d', `a/${'x'.repeat(63)}`, `${'a.'.repeat(121)}aa/x`];
    const illegal = [
      'a',
      'A/x',
      'a/b/c',
      'kubernetes.io/x',
      'requests.a/x',
      'a/-x',
      `a/${'x'.repeat(64)}`,
      'a_b/x',
      '/x',
    ];
    expect(legal.filter((name) => !isExtendedResourceName(name))).to.deep.equal([]);
    expect(illegal.filter(isExtendedResourceName)).to.deep.equal([]);
  });
});
