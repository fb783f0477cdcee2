import fc from 'fast-check';
import { type Aftermath, aftermaths } from './aftermaths.js';
import { type Cut, countCalls, type Plan, runPlan } from './crash-run.js';
import { type Scenario, scenarios } from './scenarios.js';
import type { Setting } from './settings.js';
import type { Tally } from './tally.js';

/** Something that is cut, on a node where it means something. */
export interface Cell {
  readonly setting: Setting;
  readonly scenario: Scenario;
}

/** How much of what can be tried is tried. */
export interface Thoroughness {
  /** Aftermaths of each single crash; another choice at each point. */
  readonly aftermaths: number;
  /** Second crashes of each single one, while the successor starts. */
  readonly second: number;
}

export function cellsOf(settings: readonly Setting[]): readonly Cell[] {
  return settings.flatMap((setting) =>
    scenarios.filter(({ omit }) => omit?.test(setting.title) !== true).map((scenario) => ({ setting, scenario })),
  );
}

/** Ends the process at every call of a scenario, before it and after it; and its successors, as thoroughly as asked. */
export async function cutEverywhere(cell: Cell, how: Thoroughness, tally: Tally): Promise<void> {
  const calls = await countCalls(cell.setting, cell.scenario);
  for (let n = 1; n <= calls; n += 1) {
    for (const fault of ['crash', 'crash-after'] as const) await cutAt(cell, { cut: { n, fault }, how }, tally);
  }
}

/** A few of all crash points of these cells, the same ones for the same seed; each followed by a second crash. */
export async function cutSomewhere(
  cells: readonly Cell[],
  { count, seed }: { count: number; seed: number },
  tally: Tally,
) {
  const drawn = fc.sample(fc.tuple(fc.constantFrom(...cells), fc.nat(), fc.boolean()), { numRuns: count, seed });
  const counted = new Map<Cell, number>();
  for (const [cell, draw, after] of drawn) {
    const calls = counted.get(cell) ?? (await countCalls(cell.setting, cell.scenario));
    counted.set(cell, calls);
    const cut: Cut = { n: 1 + (draw % calls), fault: after ? 'crash-after' : 'crash' };
    await cutAt(cell, { cut, how: { aftermaths: 1, second: 1 } }, tally);
  }
}

async function cutAt(cell: Cell, { cut, how }: { cut: Cut; how: Thoroughness }, tally: Tally): Promise<void> {
  const fitting = aftermaths.filter(({ omit }) => omit?.test(cell.setting.title) !== true);
  const number = 2 * cut.n + (cut.fault === 'crash' ? 0 : 1);
  let startCalls = 0;
  for (let turn = 0; turn < how.aftermaths; turn += 1) {
    const plan: Plan = { ...cell, cuts: [cut], aftermath: choose(fitting, number + turn) };
    const outcome = await runPlan(plan);
    tally.note(plan, outcome);
    startCalls = Math.max(startCalls, outcome.startCalls);
  }
  for (let turn = 0; turn < how.second && startCalls > 0; turn += 1) {
    const second: Cut = {
      n: 1 + ((number * 7 + turn * 5) % startCalls),
      fault: turn % 2 === 0 ? 'crash-after' : 'crash',
    };
    const plan: Plan = { ...cell, cuts: [cut, second], aftermath: choose(fitting, number + turn + 1) };
    tally.note(plan, await runPlan(plan));
  }
}

function choose(from: readonly Aftermath[], n: number): Aftermath {
  const chosen = from[n % from.length];
  if (chosen === undefined) throw new Error('there is nothing to choose from');
  return chosen;
}

/** `CHAOS_SEED`, to repeat a run, or another one each time. */
export function chaosSeed(usual: number): number {
  const given = process.env['CHAOS_SEED'] ?? '';
  return given === '' ? usual : Number(given);
}
