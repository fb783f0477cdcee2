import { cellsOf, chaosSeed, cutEverywhere, cutSomewhere } from './plans.js';
import { base, device, settings } from './settings.js';
import { Tally } from './tally.js';

/** What differs with VFIO; the long run has all. */
const ofDevices = /^(?:Request|refresh to a new plan|change between KERNEL and VFIO|Close)$/;

/** The same points in every run, unless a seed is given. */
const seed = chaosSeed(4);

describe('the end of the process at any instant (short; all of it: test/chaos/crash-points.chaos.ts)', function () {
  this.timeout(180_000);
  const tally = new Tally();

  for (const cell of [
    ...cellsOf([base]),
    ...cellsOf([device]).filter(({ scenario }) => ofDevices.test(scenario.title)),
  ]) {
    it(`R1, R2, R5: ${cell.scenario.title}, ${cell.setting.title}, cut at every call: nothing is lost, nothing in place is touched`, async () => {
      await cutEverywhere(cell, { aftermaths: 1, second: 0 }, tally);
    });
  }

  it('anything cut anywhere on any node, and its successor too: nothing is lost', async () => {
    await cutSomewhere(cellsOf(settings), { count: 60, seed }, tally);
  });

  after(() => {
    console.log(tally.lines(seed).at(-1));
  });
});
