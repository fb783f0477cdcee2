import { cellsOf, chaosSeed, cutEverywhere, cutSomewhere } from './plans.js';
import { base, settings } from './settings.js';
import { Tally } from './tally.js';

const seed = chaosSeed(Date.now() % 1_000_000);

/** Runs of minutes. `npx mocha test/chaos/crash-points.chaos.ts`; `CHAOS_SEED` repeats what was drawn. */
describe('the end of the process at every instant', function () {
  this.timeout(3_600_000);
  const tally = new Tally();

  for (const cell of cellsOf(settings)) {
    const how = cell.setting === base ? { aftermaths: 6, second: 6 } : { aftermaths: 2, second: 2 };
    it(`${cell.scenario.title}, ${cell.setting.title}: nothing is lost, nothing in place is touched`, async () => {
      await cutEverywhere(cell, how, tally);
    });
  }

  it('anything cut anywhere, drawn by lot', async () => {
    await cutSomewhere(cellsOf(settings), { count: 1_000, seed }, tally);
  });

  after(() => {
    for (const line of tally.lines(seed)) console.log(line);
  });
});
