import { expect } from 'chai';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { PoolOptions } from '../../src/resourcepool/token-lots.js';
import { type Command, type Intent, outcome, resolve } from './commands.js';
import { NaivePool } from './naive-pool.js';
import { viewModel } from './naive-view.js';
import { countingIds, names, type PfRow, snapshot, type VfRow } from './nodes.js';

interface Comparison {
  readonly catalogue: Catalogue;
  readonly intents: readonly Intent[];
  readonly options?: PoolOptions;
}

/** Gives pool and model the same commands, and notes every state that comes up. */
export function compare({ catalogue, intents, options }: Comparison, seen: Set<string>): void {
  const pool = new ResourcePool(catalogue, countingIds(), options);
  const model = new NaivePool(catalogue, countingIds(), options);
  for (const intent of intents) {
    const command = resolve(pool, intent);
    expect(outcome(pool, command)).to.deep.equal(outcome(model, command), JSON.stringify(command));
    const { tokens, functions } = snapshot(pool);
    expectSame({ tokens, functions }, viewModel(model), command);
    for (const { use } of functions) seen.add(use.kind);
    for (const { state } of tokens) seen.add(state);
  }
}

/** Forty VFs, addresses interleaved: a quarter each without group, in one group, in groups across PFs, in pairs. */
export function largePf(pf: number): PfRow {
  const group = (vf: number) => [undefined, pf, 100 + (pf % 3) * 10 + (vf % 10), 1000 + pf * 10 + (vf % 10)][vf % 4];
  const rows = Array.from({ length: 40 }, (_, vf): VfRow => {
    const address = `8${vf % 5}:${(pf * 5 + (vf % 4)).toString(16).padStart(2, '0')}.${vf >> 3}`;
    const number = group(vf);
    return number === undefined ? [address] : [address, number];
  });
  return [`0${pf}:00.0`, names.slice(pf % 3, (pf % 3) + 2), rows];
}

/** Text first: the deep comparison, which says more, is far slower. */
function expectSame(seen: unknown, predicted: unknown, command: Command): void {
  if (JSON.stringify(seen) === JSON.stringify(predicted)) return;
  expect(seen).to.deep.equal(predicted, JSON.stringify(command));
}
