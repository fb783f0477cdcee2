import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const plugin = 'test/deviceplugin';
const kubelet = 'test/contract/kubelet.contract.ts';

/**
 * What a device plugin has to get right with kubelet (kubernetes-and-neighbours.md A11), each with where it is shown: a
 * file, and how the title of a test there goes.
 */
const duties: readonly (readonly [duty: string, ...shown: (readonly [file: string, title: string])[]])[] = [
  ['1 answers kubelet inside Register', [`${plugin}/registration.test.ts`, 'serves before it registers']],
  ['2 name, version, relative endpoint', [`${plugin}/registration.test.ts`, 'tells kubelet its version']],
  [
    '3 kubelet restarts, is replaced, stays away',
    [`${plugin}/registration.test.ts`, 'registers on a fresh socket after kubelet was restarted by'],
    [`${plugin}/registration.test.ts`, 'leaves a kubelet whose socket is replaced by rename'],
    [`${plugin}/registration.test.ts`, 'waits for a kubelet that stays away after'],
  ],
  ['4 only the folder is wiped', [`${plugin}/registration.test.ts`, 'does not register when only the folder is wiped']],
  ['5 no second Register beside an open stream', [`${plugin}/registration.test.ts`, 'closes the old stream before']],
  [
    '6 kubelet ends the stream and lives',
    [`${plugin}/registration.test.ts`, 'when kubelet ends the stream and lives on'],
  ],
  [
    '7 List fails, is limited, hangs',
    [`${plugin}/reconciling.test.ts`, 'keeps the last good answer and the stream while'],
  ],
  ['8 v1alpha1 alone', [`${plugin}/pod-resources.test.ts`, 'from a kubelet that speaks']],
  [
    '9 seen, unseen once, unseen twice, restored',
    [`${plugin}/absences.test.ts`, 'keeps an id that was missed once'],
    [`${plugin}/absences.test.ts`, 'gives back an id that two answers in a row missed'],
    [`${plugin}/reconciling.test.ts`, 'frees a restored token when its pod goes'],
  ],
  [
    '10 Allocate of one, several, unknown, allocated, none',
    [`${plugin}/allocation.test.ts`, 'gets the token environment'],
    [`${plugin}/allocation.test.ts`, 'is refused an unknown id by name'],
    [`${plugin}/allocation.test.ts`, 'gets the same answer for the same ids again'],
    [`${plugin}/allocation.test.ts`, 'gets exactly one response for a request without ids'],
  ],
  ['11 as many responses as requests', [`${plugin}/allocation.test.ts`, 'gets exactly one response']],
  ['12 two resources on one PF', [`${plugin}/real-pool.test.ts`, 'shows in the other list that a VF of the shared PF']],
  [
    '13 a pod ends, listed still or not',
    [kubelet, 'frees the tokens of a pod that is gone'],
    ['test/daemon/tokens-of-pods.test.ts', 'waits for the VF on its way home'],
  ],
  ['14 List above 4 MiB', [`${plugin}/pod-resources.test.ts`, 'reads an answer that is larger than 4 MiB']],
  ['15 an orderly end', [`${plugin}/registration.test.ts`, 'ends its stream, removes its socket and stays silent']],
];

/** Kubelet's errors that users see (A6), each with what keeps it away or shows when it comes. */
const errors: typeof duties = [
  [
    'cannot allocate unregistered device',
    [`${plugin}/simulated-kubelet.test.ts`, 'and when the plugin is gone'],
    [`${plugin}/registration.test.ts`, 'survives many restarts of kubelet'],
  ],
  ['no healthy devices present', [kubelet, 'has kubelet refuse pods when nothing is healthy']],
  [
    'previously allocated devices are no longer healthy',
    [`${plugin}/told-truly.property.test.ts`, 'invariant 14'],
    [kubelet, 'keeps ids and owners through a restart of kubelet by'],
  ],
  ['requested number of devices unavailable', [kubelet, 'offers no more than there is']],
  ['changed request for resource', [kubelet, 'keeps ids and owners through a restart of the plugin']],
  ['UnexpectedAdmissionError', ['test/daemon/pod-devices.test.ts', 'a pod that cannot get one is not made']],
];

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('what kubelet asks of a device plugin', () => {
  for (const [title, ...shown] of [...duties, ...errors]) {
    it(`has its tests: ${title}`, () => {
      for (const [file, start] of shown) {
        const titles = readFileSync(root + file, 'utf8').match(/\bit\(\s*(['"`]).*?\1,/g) ?? [];
        expect(
          titles.some((it) => it.includes(start)),
          `${file}: ${start}`,
        ).to.equal(true);
      }
    });
  }
});
