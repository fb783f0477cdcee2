import fc from 'fast-check';
import { ComingAndGoing, type Happening } from '../contract/coming-and-going.js';
import { kubeletContract } from '../contract/kubelet.contract.js';
import { names, PluginUnderTest } from '../contract/plugin-under-test.js';
import { ModelKubelet } from './model-kubelet.js';

kubeletContract('the simulated kubelet', () => ModelKubelet.create());

const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('add' as const), number: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('remove' as const), number: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('restart-kubelet' as const), ending: fc.constantFrom('TERM', 'KILL') }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-plugin' as const) }) },
);

describe('tokens with the simulated kubelet', function () {
  this.timeout(120_000);

  it('invariant 15: pods come and go while kubelet and plugin restart: no token is lost, none is given twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyHappening, { minLength: 4, maxLength: 10 }), async (happenings) => {
        await using kubelet = await ModelKubelet.create();
        await using plugin = new PluginUnderTest(kubelet, 3);
        await plugin.start();
        const node = new ComingAndGoing({ kubelet, plugin, resource: names[0], capacity: 3 });
        for (const happening of happenings) await node.happen(happening);
        await node.removeAll();
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});
