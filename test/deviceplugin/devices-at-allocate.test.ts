import { expect } from 'chai';
import { PluginEndpoint } from '../../simulation/kubelet/plugin-endpoint.js';
import { deviceAnswer } from '../../src/deviceplugin/device-answer.js';
import type { DeviceGiver, GivenDevice } from '../../src/deviceplugin/device-giver.js';
import { ForwarderError, toForwarderError } from '../../src/ports/error.js';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';
import { refusalOf } from './refusal-of.js';

const NAME = 'worker.domain/dpdk-10G';
const OTHER = 'worker.domain/10G';

const given = (n: number, more: Partial<GivenDevice> = {}): GivenDevice => ({
  address: `0000:01:10.${n}`,
  iommuGroup: 40 + n,
  noIommu: false,
  ...more,
});
const node = (name: string, host = name) => ({
  containerPath: `/dev/vfio/${name}`,
  hostPath: `/dev/vfio/${host}`,
  permissions: 'rw',
});

/** Gives the n-th token of {@link NAME} the n-th VF. */
class ModelGiver implements DeviceGiver {
  readonly out = new Set<string>();
  /** Why a token gets none. */
  readonly refusals = new Map<string, string>();
  /** What giving waits for. */
  gate: Promise<void> = Promise.resolve();
  readonly stopped: unknown[] = [];

  gives(resource: string): boolean {
    return resource === NAME;
  }

  async give(token: string, signal: AbortSignal): Promise<GivenDevice> {
    await Promise.race([this.gate, this.#aborted(signal)]);
    const refusal = this.refusals.get(token);
    if (refusal !== undefined) throw new ForwarderError('busy', refusal);
    this.out.add(token);
    return given(Number(token.split('#')[1]));
  }

  async takeBack(token: string): Promise<void> {
    this.out.delete(token);
  }

  async check(token: string): Promise<void> {
    if (!this.out.has(token)) throw new ForwarderError('refused', `no VF is there for token ${token}`);
  }

  #aborted(signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const aborted = () => {
        this.stopped.push(signal.reason);
        reject(toForwarderError(signal.reason));
      };
      signal.addEventListener('abort', aborted, { once: true });
    });
  }
}

describe('what a container gets that shall open its VFs itself', () => {
  it('is the nodes and the variables that users of the SR-IOV network device plugin know', () => {
    expect(deviceAnswer('worker.domain.1/dpdk-10G', [given(1), given(2)])).to.deep.equal({
      envs: {
        'PCIDEVICE_WORKER_DOMAIN_1_DPDK-10G': '0000:01:10.1,0000:01:10.2',
        'PCIDEVICE_WORKER_DOMAIN_1_DPDK-10G_INFO': JSON.stringify({
          '0000:01:10.1': {
            generic: { deviceID: '0000:01:10.1' },
            vfio: { 'dev-mount': '/dev/vfio/41', mount: '/dev/vfio/vfio' },
          },
          '0000:01:10.2': {
            generic: { deviceID: '0000:01:10.2' },
            vfio: { 'dev-mount': '/dev/vfio/42', mount: '/dev/vfio/vfio' },
          },
        }),
      },
      devices: [node('vfio'), node('41'), node('42')],
    });
  });

  it('is each node once where VFs share a group, and its other name on the host where no IOMMU stands behind it', () => {
    const { devices } = deviceAnswer(NAME, [given(1), given(2, { iommuGroup: 41 }), given(3, { noIommu: true })]);
    expect(devices).to.deep.equal([node('vfio'), node('41'), node('43', 'noiommu-43')]);
  });

  it('is nothing without VFs', () => {
    expect(deviceAnswer(NAME, [])).to.deep.equal({ envs: {}, devices: [] });
  });
});

describe('kubelet allocating tokens that are worth a VF at once', () => {
  let rig: PluginRig;
  let offer: ModelOffer;
  let giver: ModelGiver;
  let endpoint: PluginEndpoint;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 4, [OTHER]: 2 });
    giver = new ModelGiver();
    await rig.kubelet.start();
    const plugin = await rig.restorePlugin(offer, { devices: giver, pollInterval: 200 });
    plugin.serve();
    await rig.allocatable(NAME, 4);
    await rig.allocatable(OTHER, 2);
    endpoint = new PluginEndpoint(rig.socketOf(NAME));
  });

  afterEach(async () => {
    endpoint.close();
    await rig[Symbol.asyncDispose]();
  });

  const refusal = (...ids: string[]) => refusalOf(endpoint, ids);

  it('gets nodes and variables beside the tokens; a resource for connections has tokens alone', async () => {
    const { containerResponses } = await endpoint.allocate([`${NAME}#1`]);
    const { envs, devices } = deviceAnswer(NAME, [given(1)]);
    expect(containerResponses).to.have.length(1);
    expect(containerResponses[0]?.envs).to.deep.equal({ [`NSM_SRIOV_TOKENS_${NAME}`]: `${NAME}#1`, ...envs });
    expect(containerResponses[0]?.devices.map((it) => node(it.containerPath.slice(10)))).to.deep.equal(devices);
    const other = new PluginEndpoint(rig.socketOf(OTHER));
    try {
      const answer = await other.allocate([`${OTHER}#0`]);
      expect(answer.containerResponses[0]).to.deep.include({
        envs: { [`NSM_SRIOV_TOKENS_${OTHER}`]: `${OTHER}#0` },
        devices: [],
      });
      expect([await endpoint.options(), await other.options()].map((it) => it.preStartRequired)).to.deep.equal([
        true,
        false,
      ]);
    } finally {
      other.close();
    }
  });

  it('B31: gets all VFs or none: those that were to be had go back, and no token that another pod holds is freed', async () => {
    await endpoint.allocate([`${NAME}#0`]);
    giver.refusals.set(`${NAME}#3`, 'a process still has IOMMU group 43 open');
    const message = await refusal(`${NAME}#1`, `${NAME}#2`, `${NAME}#3`);
    expect(message).to.contain('no VF for the pod: a process still has IOMMU group 43 open');
    expect([...giver.out]).to.deep.equal([`${NAME}#0`]);
    expect(offer.held()).to.deep.equal([`${NAME}#0`]);
    expect(rig.log.lines.join('\n')).to.contain('refused a call of kubelet');
  });

  it('gets none for a request that is wrong', async () => {
    expect(await refusal(`${NAME}#1`, 'unknown')).to.contain('has no token "unknown"');
    expect([[...giver.out], offer.held()]).to.deep.equal([[], []]);
  });

  it('does not lose a token for being listed in no pod while its VF is made ready', async () => {
    let open = () => {};
    giver.gate = new Promise((resolve) => {
      open = resolve;
    });
    await rig.kubelet.addPod({ namespace: 'ns', name: 'other', container: 'c', requests: { [OTHER]: 1 } });
    const adding = rig.kubelet.addPod({ namespace: 'ns', name: 'p', container: 'c', requests: { [NAME]: 1 } });
    await rig.until(() => offer.held().includes(`${NAME}#0`));
    await rig.polls(6);
    expect(offer.held()).to.include(`${NAME}#0`);
    open();
    const environment = await adding;
    expect(environment[`PCIDEVICE_WORKER_DOMAIN_DPDK-10G`]).to.equal('0000:01:10.0');
    await rig.polls(4);
    expect(offer.held()).to.include(`${NAME}#0`);
    rig.kubelet.removePod('ns', 'p');
    await rig.until(() => !offer.held().includes(`${NAME}#0`));
  });

  it('has a container started only while its VF is there', async () => {
    await endpoint.allocate([`${NAME}#2`]);
    await endpoint.preStart([`${NAME}#2`]);
    giver.out.clear();
    const message = await endpoint.preStart([`${NAME}#2`]).then(
      () => 'started',
      (thrown: unknown) => (thrown as Error).message,
    );
    expect(message).to.contain(`no VF is there for token ${NAME}#2`);
  });

  it('is left without an answer at the end of the process, which waits until what it began is undone', async () => {
    giver.gate = new Promise(() => undefined);
    const asked = refusal(`${NAME}#1`);
    await rig.until(() => offer.held().length > 0);
    await rig.stopPlugin();
    expect(giver.stopped).to.have.length(1);
    expect([...giver.out]).to.deep.equal([]);
    endpoint.close();
    await asked;
  });
});
