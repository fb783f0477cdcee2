import { expect } from 'chai';
import fc from 'fast-check';
import { narrowCgroups, podOfCgroupHint, readCgroupHint } from '../../../src/mechanism/vfio/cgroup-hint.js';
import { ForwarderError } from '../../../src/ports/error.js';
import { parsePodUid, podFolders } from '../../../src/ports/pod-cgroup.js';

const pod = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d');
const other = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e');
const folder = `kubepods/burstable/pod${pod}`;

const names = fc.stringMatching(/^[a-z0-9][a-z0-9.:_-]{0,20}$/);
const pods = fc.uuid().map((text) => parsePodUid(text));

function kindOf(attempt: () => unknown): string {
  try {
    attempt();
    return 'ok';
  } catch (error) {
    if (error instanceof ForwarderError) return error.kind;
    throw error;
  }
}

describe('what a client says of its cgroup', () => {
  for (const text of [undefined, '', '*', '/', '/*']) {
    it(`C1: says nothing as ${JSON.stringify(text)}: it may be in any container of its pod`, () => {
      expect(readCgroupHint(text, pod)).to.equal('');
    });
  }

  for (const [text, below] of [
    [`${folder}/*`, ''],
    [`/${folder}/*`, ''],
    [`/${folder}`, ''],
    [`${folder}/0123`, '0123'],
    [`/forwarderbench/${folder}/bench`, 'bench'],
    [`${folder}/cri-containerd-1.scope/container`, 'cri-containerd-1.scope/container'],
    [`${folder}/1/init.scope/*`, '1/init.scope'],
    [`kubepods.slice/kubepods-pod${pod.replaceAll('-', '_')}.slice/crio-1.scope`, 'crio-1.scope'],
  ] as const) {
    it(`narrows to ${below === '' ? 'all containers' : below} by ${text.replaceAll(pod, '<uid>')}`, () => {
      expect(readCgroupHint(text, pod)).to.equal(below);
    });
  }

  for (const text of [
    `../../${folder}/*`,
    `${folder}/../pod${other}/*`,
    `${folder}/./x`,
    `${folder}//x`,
    `//${folder}`,
    `kubepods/*/pod${pod}/*`,
    `*/${folder}`,
    `${folder}/a*`,
    `${folder}/?`,
    `${folder}/[ab]`,
    `${folder}/{a,b}\\*`,
    `${folder}/\0`,
  ]) {
    it(`S3: is refused as ${JSON.stringify(text.replaceAll(pod, '<uid>'))}`, () => {
      expect(kindOf(() => readCgroupHint(text, pod))).to.equal('invalid');
    });
  }

  for (const text of [
    `kubepods/burstable/pod${other}/*`,
    'system.slice/sshd.service',
    'a/*',
    `pod${pod}/x`,
    `x${folder}`,
  ]) {
    it(`S3: is refused as ${text}, which is not in the pod`, () => {
      expect(kindOf(() => readCgroupHint(text, pod))).to.equal('refused');
    });
  }

  it('S3: leads into the pod or nowhere, whatever it is', () => {
    const parts = fc.oneof(
      names,
      fc.constantFrom('..', '.', '', '*', 'kubepods', 'burstable', `pod${pod}`, `pod${other}`),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(parts, { maxLength: 7 }).map((it) => it.join('/')),
        ),
        (text) => {
          let below: string;
          try {
            below = readCgroupHint(text, pod);
          } catch (error) {
            expect(error).to.be.instanceOf(ForwarderError);
            return;
          }
          expect(below.split('/')).to.not.include.members(['..']);
          expect(/[*\0]|^\/|\/$|\/\//.test(below)).to.equal(false);
          if (below !== '') expect(text).to.include(`pod${pod}/${below}`);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is found again below any layout and prefix', () => {
    fc.assert(
      fc.property(
        pods,
        fc.constantFrom('kubepods', 'kubepods.slice', 'a-kubepods.slice'),
        fc.nat(2),
        fc.array(names, { maxLength: 3 }),
        (uid, podsFolder, qos, below) => {
          const text = ['prefix', podsFolder, podFolders(podsFolder, uid)[qos], ...below].join('/');
          expect(readCgroupHint(`/${text}`, uid)).to.equal(below.join('/'));
          expect(readCgroupHint(`${text}/*`, uid)).to.equal(below.join('/'));
          expect(podOfCgroupHint(text)).to.equal(uid);
        },
      ),
    );
  });

  it('names its pod itself where nobody else does, by its full path only', () => {
    expect(podOfCgroupHint(`/${folder}/*`)).to.equal(pod);
    for (const text of [undefined, '', '*', 'a/*', `pod${pod}/*`]) {
      expect(
        kindOf(() => podOfCgroupHint(text)),
        text,
      ).to.equal('refused');
    }
    expect(kindOf(() => podOfCgroupHint(`../${folder}`))).to.equal('invalid');
  });
});

describe("the cgroups of a pod that a client's hint leaves", () => {
  const cgroup = (path: string) => ({ path, inode: path });
  const own = cgroup('/p');
  const [a, ab, abc, b] = ['/p/a', '/p/a/b', '/p/a/b/c', '/p/b'].map(cgroup);
  const all = [own, a, b, ab, abc].filter((it) => it !== undefined);
  const paths = (below: string) => narrowCgroups(all, below).map(({ path }) => path);

  it('are all without one', () => {
    expect(paths('')).to.deep.equal(['/p', '/p/a', '/p/b', '/p/a/b', '/p/a/b/c']);
  });

  it('are the named one, all below it, and those above without whose leave there is no access', () => {
    expect(paths('a/b')).to.deep.equal(['/p', '/p/a', '/p/a/b', '/p/a/b/c']);
    expect(paths('b')).to.deep.equal(['/p', '/p/b']);
  });

  it('C3: are none when there is no such container, or none at all', () => {
    expect(paths('c')).to.deep.equal([]);
    expect(paths('a/b/c/d')).to.deep.equal([]);
    expect(narrowCgroups([own], '')).to.deep.equal([]);
    expect(narrowCgroups([], '')).to.deep.equal([]);
  });
});
