import { expect } from 'chai';
import fc from 'fast-check';
import { ForwarderError } from '../../src/ports/error.js';
import { isPodsFolder, parsePodUid, pathBelowPod, podFolders, podOfPath } from '../../src/ports/pod-cgroup.js';

const uid = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d');
const other = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e');
const cut = (path: string) => path.split('/');

/** UUIDs and what static pods have. */
const uids = fc.oneof(fc.uuid(), fc.stringMatching(/^[0-9a-f]{32}$/)).map((text) => parsePodUid(text));
const podsFolders = fc.oneof(
  fc.constant('kubepods'),
  fc
    .array(fc.stringMatching(/^[a-z][a-z0-9]{0,7}$/), { maxLength: 3 })
    .map((above) => [...above, 'kubepods.slice'].join('-')),
);
const names = fc
  .stringMatching(/^[a-z][a-z0-9.-]{0,15}$/)
  .filter((name) => !isPodsFolder(name) && !name.includes('pod'));
const paths = fc.array(names, { maxLength: 3 });

describe('cgroups of pods', () => {
  it('lie where kubelet puts them with the driver cgroupfs', () => {
    expect(podFolders('kubepods', uid)).to.deep.equal([`pod${uid}`, `burstable/pod${uid}`, `besteffort/pod${uid}`]);
  });

  it('lie where kubelet puts them with the driver systemd, whose names repeat all that is above', () => {
    const escaped = '6b0c3c1e_93a4_4d3b_9c2e_0f1d2a3b4c5d';
    expect(podFolders('kubelet-kubepods.slice', uid)).to.deep.equal([
      `kubelet-kubepods-pod${escaped}.slice`,
      `kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${escaped}.slice`,
      `kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod${escaped}.slice`,
    ]);
  });

  it('are recognised by the folder that holds them all', () => {
    for (const name of ['kubepods', 'kubepods.slice', 'kubelet-kubepods.slice'])
      expect(isPodsFolder(name)).to.equal(true);
    for (const name of ['', 'pods', 'mykubepods', 'kubepods2', 'kubepods-burstable.slice', 'mykubepods.slice']) {
      expect(isPodsFolder(name), name).to.equal(false);
    }
  });

  it('are found again in any path into them, whatever is above', () => {
    fc.assert(
      fc.property(uids, podsFolders, fc.tuple(paths, paths), fc.nat(2), (pod, podsFolder, [above, below], qos) => {
        const folder = podFolders(podsFolder, pod)[qos] ?? '';
        const path = [...above, podsFolder, ...cut(folder), ...below];
        expect(pathBelowPod(path, pod)).to.equal(below.join('/'));
        expect(podOfPath(path)).to.equal(pod);
      }),
    );
  });

  it("S3: are never found in another pod's path, nor in one that only looks like it", () => {
    fc.assert(
      fc.property(fc.tuple(uids, uids), podsFolders, paths, fc.nat(2), ([pod, stranger], podsFolder, below, qos) => {
        fc.pre(pod !== stranger);
        const path = [podsFolder, ...cut(podFolders(podsFolder, pod)[qos] ?? ''), ...below];
        expect(pathBelowPod(path, stranger)).to.equal(undefined);
      }),
    );
    for (const path of [
      `kubepods/guaranteed/pod${uid}`,
      `burstable/pod${uid}`,
      `kubepods/burstable/x/pod${uid}`,
      `kubepods/burstable/pod${uid}x`,
      `kubepods/pod${uid}/..`.replace('kubepods', 'cubepods'),
      `kubepods.slice/kubepods-burstable.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice`,
      `kubepods.slice/pod${uid}`,
    ]) {
      expect(pathBelowPod(cut(path), uid), path).to.equal(undefined);
      expect(podOfPath(cut(path)), path).to.not.equal(uid);
    }
  });

  it('are those of the named pod when one node runs inside a pod of another', () => {
    const nested = [...cut(`kubepods/pod${other}/node/kubelet/kubepods/burstable`), `pod${uid}`, 'main'];
    expect(pathBelowPod(nested, uid)).to.equal('main');
    expect(podOfPath(nested)).to.equal(other);
  });

  it('have a UID that can be part of a path', () => {
    for (const text of ['', '.', '..', 'a/b', '-a', 'a-', 'a_b', 'a b', '*', `${'a'.repeat(64)}`, 'a\0']) {
      expect(() => parsePodUid(text), text)
        .to.throw(ForwarderError, "is not a pod's UID")
        .with.property('kind', 'invalid');
    }
  });
});
