import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { DeviceCheckpointFile, parseDeviceCheckpoint } from '../../src/deviceplugin/device-checkpoint.js';
import { KubeletPodOwners } from '../../src/deviceplugin/kubelet-pod-owners.js';
import type { PodResourcesAnswer, TokenOwner } from '../../src/deviceplugin/pod-resources.js';
import { ForwarderError } from '../../src/ports/error.js';
import { failureOf } from '../pci/failure.js';
import { realClock } from '../sim/real-clock.js';

const resource = 'worker.domain/10G';
const [podA, podB] = ['6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d', '9f0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e'];
const [t1, t2, t3] = ['sriov-1', 'sriov-2', 'sriov-3'];
const { signal } = new AbortController();

interface Given {
  readonly pod: string;
  readonly tokens: readonly string[];
  readonly container?: string;
}

function checkpoint(...given: readonly Given[]): string {
  const PodDeviceEntries = given.map(({ pod, tokens, container = 'main' }) => ({
    PodUID: pod,
    ContainerName: container,
    ResourceName: resource,
    DeviceIDs: { '-1': tokens },
    AllocResp: 'CgA=',
  }));
  return JSON.stringify({ Data: { PodDeviceEntries, RegisteredDevices: { [resource]: [t1, t2, t3] } }, Checksum: 1 });
}

function owned(pod: string, tokens: readonly string[], container = 'main'): [string, TokenOwner][] {
  return tokens.map((token) => [token, { namespace: 'ns', pod, container, resource }]);
}

describe('whose a token is, by kubelet and its checkpoint', () => {
  let folder: string;
  let path: string;
  let lists: number;
  let answers: (() => [string, TokenOwner][])[];
  let owners: KubeletPodOwners;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
    path = join(folder, 'kubelet_internal_checkpoint');
    lists = 0;
    answers = [];
    owners = new KubeletPodOwners({
      checkpoint: new DeviceCheckpointFile(path),
      podResources: {
        list: async (names) => {
          expect([...names]).to.deep.equal([resource]);
          lists += 1;
          const answer = answers.length > 1 ? answers.shift() : answers[0];
          return { kubelet: 'k', pods: 2, owners: new Map(answer?.()) } as unknown as PodResourcesAnswer;
        },
      },
      names: () => [resource],
      clock: realClock(25),
    });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** As kubelet does: another file takes the place. */
  const write = (...given: readonly Given[]) => {
    writeFileSync(`${path}.new`, checkpoint(...given));
    renameSync(`${path}.new`, path);
  };
  const says = (...answer: readonly (readonly [string, TokenOwner][])[]) => {
    answers = [() => answer.flat()];
  };
  const kindFor = async (token: string) => (await failureOf(owners.holderOf(token, signal))).kind;

  it('is the pod that both name', async () => {
    write({ pod: podA, tokens: [t1, t2] }, { pod: podB, tokens: [t3], container: 'side' });
    says(owned('a', [t1, t2]), owned('b', [t3], 'side'));
    expect(await owners.holderOf(t1, signal)).to.deep.equal({ pod: podA, container: 'main' });
    expect(await owners.holderOf(t3, signal)).to.deep.equal({ pod: podB, container: 'side' });
  });

  it('is asked of kubelet once for each checkpoint, however many want to know', async () => {
    write({ pod: podA, tokens: [t1, t2] });
    says(owned('a', [t1, t2]));
    await Promise.all([t1, t2, t1].map((token) => owners.holderOf(token, signal)));
    await owners.holderOf(t2, signal);
    expect(lists).to.equal(1);
    write({ pod: podA, tokens: [t1, t2] }); // as for every list of the plugin
    await owners.holderOf(t1, signal);
    expect(lists).to.equal(1);
    write({ pod: podA, tokens: [t1] }, { pod: podB, tokens: [t2] });
    says(owned('a', [t1]), owned('b', [t2]));
    expect((await owners.holderOf(t2, signal)).pod).to.equal(podB);
    expect(lists).to.equal(2);
  });

  it('is asked again when kubelet has just started and lists nobody', async () => {
    write({ pod: podA, tokens: [t1] });
    answers = [() => [], () => owned('a', [t1])];
    expect((await owners.holderOf(t1, signal)).pod).to.equal(podA);
    expect(lists).to.equal(2);
  });

  it('is known in spite of the tokens of ordinary init containers, which kubelet does not list', async () => {
    write({ pod: podA, tokens: [t1, t2], container: 'init' }, { pod: podA, tokens: [t1] });
    says(owned('a', [t1]));
    expect((await owners.holderOf(t1, signal)).pod).to.equal(podA);
  });

  it('is known of a pod whose predecessor had the same name', async () => {
    write({ pod: podA, tokens: [t1] }, { pod: podB, tokens: [t2] });
    says(owned('web-0', [t2]));
    expect((await owners.holderOf(t2, signal)).pod).to.equal(podB);
    expect(await kindFor(t1)).to.equal('not-found');
  });

  it('is nobody when either does not know the token', async () => {
    write({ pod: podA, tokens: [t1] });
    says(owned('a', [t1]), owned('b', [t2]));
    expect(await kindFor(t2)).to.equal('not-found');
    expect(await kindFor(t3)).to.equal('not-found');
  });

  for (const [title, given, answer] of [
    ['give it to containers of other names', [{ pod: podA, tokens: [t1] }], owned('a', [t1], 'other')],
    [
      'give it to two pods',
      [
        { pod: podA, tokens: [t1] },
        { pod: podB, tokens: [t1] },
      ],
      owned('a', [t1]),
    ],
    [
      'give another token of the UID to another pod',
      [{ pod: podA, tokens: [t1, t2] }],
      [...owned('a', [t1]), ...owned('b', [t2])],
    ],
    [
      'give another token of the named pod to another UID',
      [
        { pod: podA, tokens: [t1] },
        { pod: podB, tokens: [t2] },
      ],
      owned('a', [t1, t2]),
    ],
  ] as const) {
    it(`S3: cannot be known when they ${title}`, async () => {
      write(...given);
      says(answer.map((it) => it as [string, TokenOwner]));
      expect(await kindFor(t1)).to.equal('refused');
    });
  }

  it('is found in a moment when one was written before the other', async () => {
    write({ pod: podA, tokens: [t1] });
    answers = [
      () => {
        write({ pod: podB, tokens: [t1] });
        return [...owned('b', [t1]), ...owned('a', [t2])];
      },
      () => owned('b', [t1]),
    ];
    expect((await owners.holderOf(t1, signal)).pod).to.equal(podB);
  });

  it('cannot be known without a checkpoint, or with one of another shape', async () => {
    says(owned('a', [t1]));
    const missing = await failureOf(owners.holderOf(t1, signal));
    expect(missing.kind).to.equal('unavailable');
    expect(missing.message).to.include(path);
    writeFileSync(path, '{"Data":{"V2":[]}}');
    const strange = await failureOf(owners.holderOf(t1, signal));
    expect(strange.kind).to.equal('unsupported');
    expect(strange.message).to.include('PodDeviceEntries is not a list');
  });
});

describe("kubelet's checkpoint of devices", () => {
  it('has ids by NUMA node, or in one list as before 1.20', () => {
    const entry = { PodUID: podA, ContainerName: 'main', ResourceName: resource };
    const read = (DeviceIDs: unknown) =>
      parseDeviceCheckpoint(JSON.stringify({ Data: { PodDeviceEntries: [{ ...entry, DeviceIDs }] } }), 'p')[0]?.devices;
    expect(read({ '0': [t1], '1': [t2, t3] })).to.deep.equal([t1, t2, t3]);
    expect(read([t1, t2])).to.deep.equal([t1, t2]);
    expect(read(null)).to.deep.equal([]);
  });

  it('has nobody in it on a node without such pods', () => {
    expect(
      parseDeviceCheckpoint('{"Data":{"PodDeviceEntries":null,"RegisteredDevices":{}},"Checksum":2}', 'p'),
    ).to.deep.equal([]);
  });

  it('of any other shape is refused by name, never half understood', () => {
    const refused = (text: string) => {
      try {
        parseDeviceCheckpoint(text, '/checkpoint');
        return undefined;
      } catch (error) {
        return error;
      }
    };
    const entry = { PodUID: podA, ContainerName: 'main', ResourceName: resource, DeviceIDs: {} };
    for (const broken of [
      { PodUID: '../x' },
      { PodUID: 1 },
      { ContainerName: null },
      { ResourceName: [] },
      { DeviceIDs: 'x' },
      { DeviceIDs: { 0: [1] } },
    ]) {
      const text = JSON.stringify({ Data: { PodDeviceEntries: [entry, { ...entry, ...broken }] } });
      expect(refused(text))
        .to.be.instanceOf(ForwarderError)
        .with.property('message')
        .that.includes('/checkpoint')
        .and.includes('[1]');
    }
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const error = refused(text);
        if (error !== undefined) expect(error).to.be.instanceOf(ForwarderError).with.property('kind', 'unsupported');
      }),
    );
  });
});
