import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { SimulatedKubelet } from '../../simulation/kubelet/simulated-kubelet.js';
import { PodResources } from '../../src/deviceplugin/pod-resources.js';
import { realClock } from '../sim/real-clock.js';
import { ModelOffer } from './model-offer.js';
import { MuteSocket } from './mute-socket.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';
const names = new Set([NAME]);
const wish = { namespace: 'ns', name: 'pod-1', container: 'app', requests: { [NAME]: 2 } };

describe('asking kubelet which pod holds which token', () => {
  const never = new AbortController().signal;

  for (const versions of [['v1', 'v1alpha1'], ['v1'], ['v1alpha1']] as const) {
    it(`reads pod, namespace, container and resource from a kubelet that speaks ${versions.join(' and ')}`, async () => {
      await using rig = await PluginRig.create({ podResourcesVersions: versions });
      await rig.kubelet.start();
      await rig.startPlugin(new ModelOffer({ [NAME]: 3 }));
      await rig.allocatable(NAME, 3);
      await rig.kubelet.addPod(wish);
      const { owners } = await new PodResources(rig.podResourcesPath, realClock()).list(names, never);
      const owner = { namespace: 'ns', pod: 'pod-1', container: 'app', resource: NAME };
      expect([...owners]).to.deep.equal([...rig.kubelet.held(NAME)].map((id) => [id, owner]));
      expect(rig.kubelet.lists.at(-1)).to.equal(versions[0]);
    });
  }

  it('leaves out the devices of other resources', async () => {
    await using rig = await PluginRig.create();
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({ [NAME]: 3 }));
    await rig.allocatable(NAME, 3);
    await rig.kubelet.addPod(wish);
    const answer = await new PodResources(rig.podResourcesPath, realClock()).list(new Set(['other/x']), never);
    expect(answer.owners.size).to.equal(0);
  });

  describe('when kubelet does not answer well', () => {
    let path: string;
    let kubelet: SimulatedKubelet;
    let podResources: PodResources;

    beforeEach(async () => {
      path = await mkdtemp(join(tmpdir(), 'pods-'));
      kubelet = new SimulatedKubelet({ devicePluginPath: path, podResourcesPath: join(path, 'p') });
      podResources = new PodResources(join(path, 'p'), realClock(25));
    });

    afterEach(async () => {
      await kubelet.stop();
      await rm(path, { recursive: true, force: true });
    });

    async function failure(signal = never): Promise<unknown> {
      return podResources.list(names, signal).catch((thrown: unknown) => thrown);
    }

    it('says that it is not there', async () => {
      expect(await failure()).to.include({ kind: 'unavailable' });
    });

    it('passes on what it refuses', async () => {
      await kubelet.start();
      kubelet.faults.listError = { code: status.RESOURCE_EXHAUSTED, details: 'rejected by rate limit' };
      const error = await failure();
      expect(error).to.include({ kind: 'exhausted' });
      expect((error as Error).message).to.equal('/v1.PodResourcesLister/List: rejected by rate limit');
    });

    it('gives up after ten seconds on one that accepts and says nothing', async () => {
      await kubelet.start();
      kubelet.faults.listHangs = true;
      const error = await failure();
      expect(error).to.include({ kind: 'timed-out' });
      expect((error as Error).message).to.contain('took longer than 10000 ms');
    });

    it('gives up on a socket that accepts connections and never speaks', async () => {
      await kubelet.start();
      await kubelet.stop();
      await using _mute = await MuteSocket.listen(join(path, 'p', 'kubelet.sock'));
      const error = await failure();
      expect(error).to.include({ kind: 'timed-out' });
    });

    it('stops asking when the caller leaves', async () => {
      await kubelet.start();
      kubelet.faults.listHangs = true;
      const leaving = new AbortController();
      const asked = failure(leaving.signal);
      await kubelet.until(() => kubelet.lists.length === 1, AbortSignal.timeout(50_000));
      leaving.abort(new Error('left'));
      expect(await asked).to.have.property('message', 'left');
    });
  });

  it('reads an answer that is larger than 4 MiB', async () => {
    await using rig = await PluginRig.create();
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({ [NAME]: 1 }), 3_600_000);
    await rig.allocatable(NAME, 1);
    const container = 'c'.repeat(5 * 1024 * 1024);
    await rig.kubelet.addPod({ ...wish, container, requests: { [NAME]: 1 } });
    const { owners } = await new PodResources(rig.podResourcesPath, realClock()).list(names, never);
    expect(owners.get(`${NAME}#0`)?.container).to.have.length(container.length);
  });

  it('refuses an answer that is larger than 16 MiB, and says so', async function () {
    this.timeout(20_000);
    await using rig = await PluginRig.create();
    await rig.kubelet.start();
    const container = 'c'.repeat(17 * 1024 * 1024);
    await rig.kubelet.addPod({ ...wish, container, requests: {} });
    const asked = new PodResources(rig.podResourcesPath, realClock()).list(names, never);
    const error = await asked.catch((thrown: unknown) => thrown);
    expect(error).to.include({ kind: 'exhausted' });
    expect((error as Error).message).to.match(/List: .*larger than max/i);
  });
});
