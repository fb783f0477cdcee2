import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { PodCgroups } from '../../src/cgroup/pod-cgroups.js';
import { parsePodUid } from '../../src/ports/pod-cgroup.js';
import { failureOf } from '../pci/failure.js';

const pod = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d');
const escaped = '6b0c3c1e_93a4_4d3b_9c2e_0f1d2a3b4c5d';
const { signal } = new AbortController();

// To the search a hierarchy is a tree of folders: ordinary ones do.
describe("the search for a pod's cgroups", () => {
  let root: string;
  let cgroups: PodCgroups;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cgroups-'));
    cgroups = new PodCgroups(root);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const make = (...paths: readonly string[]) => {
    for (const path of paths) mkdirSync(join(root, path), { recursive: true });
  };
  const found = async () => (await cgroups.of(pod, signal)).map(({ path }) => path);

  for (const [title, folder] of Object.entries({
    'cgroupfs, guaranteed': `/kubepods/pod${pod}`,
    'cgroupfs, burstable': `/kubepods/burstable/pod${pod}`,
    'cgroupfs, best effort, below a folder of its own': `/rig/kubepods/besteffort/pod${pod}`,
    'systemd, guaranteed': `/kubepods.slice/kubepods-pod${escaped}.slice`,
    'systemd, best effort': `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${escaped}.slice`,
    'systemd, in a container that is a node':
      `/system.slice/docker-0123.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/` +
      `kubelet-kubepods-burstable-pod${escaped}.slice`,
  })) {
    it(`finds it by the layout of ${title}`, async () => {
      make(`${folder}/cri-containerd-1.scope/container`, `${folder}/2`, 'system.slice/sshd.service');
      expect(await found()).to.have.members([
        folder,
        `${folder}/2`,
        `${folder}/cri-containerd-1.scope`,
        `${folder}/cri-containerd-1.scope/container`,
      ]);
      expect((await found())[0]).to.equal(folder);
    });
  }

  it('looks again for a folder that kubelet was given later, and keeps to what is there', async () => {
    make('system.slice');
    expect(await found()).to.deep.equal([]);
    make(`kubepods/pod${pod}/1`);
    expect(await found()).to.have.lengthOf(2);
    rmSync(join(root, 'kubepods'), { recursive: true });
    expect(await found()).to.deep.equal([]);
  });

  it('is not led astray by a deeper folder of that name, which a pod or a user has made', async () => {
    make(
      `kubepods/pod${pod}/1`,
      `user.slice/user-1000.slice/kubepods/pod${pod}/evil`,
      `kubepods/podx/1/kubepods/pod${pod}/evil`,
    );
    expect(await found()).to.deep.equal([`/kubepods/pod${pod}`, `/kubepods/pod${pod}/1`]);
  });

  it('passes by an empty folder of a kubelet that was set up anew', async () => {
    make('kubepods/burstable', `kubelet/kubepods/pod${pod}/1`);
    expect(await found()).to.deep.equal([`/kubelet/kubepods/pod${pod}`, `/kubelet/kubepods/pod${pod}/1`]);
  });

  it('refuses to choose between two folders, and names both', async () => {
    make(`kubepods/pod${pod}/1`, `kubepods/burstable/pod${pod}/1`);
    const failure = await failureOf(cgroups.of(pod, signal));
    expect(failure.kind).to.equal('refused');
    expect(failure.message).to.include(`/kubepods/pod${pod} and /kubepods/burstable/pod${pod}`);
  });

  it('S3: follows no link out', async () => {
    make('elsewhere/1', `kubepods/burstable`);
    symlinkSync(join(root, 'elsewhere'), join(root, `kubepods/burstable/pod${pod}`));
    expect(await found()).to.deep.equal([]);
    make(`kubepods/pod${pod}`);
    symlinkSync(join(root, 'elsewhere'), join(root, `kubepods/pod${pod}/1`));
    expect(await found()).to.deep.equal([`/kubepods/pod${pod}`]);
  });

  it('gives up on a pod that makes cgroups without end', async () => {
    for (let n = 0; n < 600; n += 1) make(`kubepods/pod${pod}/1/${n}`);
    expect((await failureOf(cgroups.of(pod, signal))).kind).to.equal('exhausted');
  });

  it('ends with its caller', async () => {
    make(`kubepods/pod${pod}/1`);
    const reason = new Error('gone');
    expect(await cgroups.of(pod, AbortSignal.abort(reason)).catch((error: unknown) => error)).to.equal(reason);
  });
});
