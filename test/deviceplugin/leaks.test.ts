import { readdirSync } from 'node:fs';
import { until } from '../transport/support/until.js';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAMES = ['service.domain.1/10G', 'service.domain.1/20G', 'service.domain.2/10G'];

/** How many there are of each kind: descriptors, and what keeps the event loop busy. */
function open(): ReadonlyMap<string, number> {
  const resources = process.getActiveResourcesInfo().filter((kind) => !/^(Immediate|TickObject)$/.test(kind));
  const count = new Map([['descriptor', readdirSync('/proc/self/fd').length]]);
  for (const kind of resources) count.set(kind, (count.get(kind) ?? 0) + 1);
  return count;
}

/** Kinds of which there are more than before. */
function left(before: ReadonlyMap<string, number>): string[] {
  return [...open()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(([kind]) => kind);
}

describe('the device plugin leaves nothing open', () => {
  async function life(restarts: number): Promise<void> {
    await using rig = await PluginRig.create();
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer(Object.fromEntries(NAMES.map((name) => [name, 4]))), 200);
    for (let n = 0; n <= restarts; n++) {
      for (const name of NAMES) await rig.allocatable(name, 4);
      if (n < restarts) await rig.kubelet.restart(n % 2 === 0 ? 'KILL' : 'TERM');
    }
  }

  it('no descriptor and no timer after a life with ten restarts of kubelet', async () => {
    await life(1);
    const before = open();
    await life(10);
    // What was closed a moment ago is let go of in one of the next turns.
    await until(
      () => left(before).length === 0,
      () => `left open: ${left(before).join(', ')}`,
    );
  });
});
