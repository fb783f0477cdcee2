import { expect } from 'chai';
import type { PeerEvent } from './peer.js';

/** How often each recovery is measured: once, or in the long form, which asserts figures, several times. */
export const rounds = process.env['MESH'] === 'long' ? 5 : 1;

/** What a median may be above the Go forwarder's: a tenth, and this, ms. */
const allowanceMs = 200;

/** Prints a figure beside that of the Go forwarder in the same place (one machine, SPIRE 1.13). */
export function figure(what: string, ours: string, goForwarder: string): void {
  console.log(`      ${what}: ${ours} (the Go forwarder: ${goForwarder})`);
}

/** The Go forwarder's figure for a recovery, or the longest that is allowed where it never recovers. */
export type Comparison = { readonly goMs: number } | { readonly neverInGo: true; readonly limitMs: number };

/**
 * Measures a recovery, ms, and prints the median. In the long form (`MESH=long`) it is the median of five, which must not be
 * far above the Go forwarder's; otherwise the only one, which may be anything.
 */
export async function recovery(what: string, than: Comparison, measure: () => Promise<number>): Promise<void> {
  const taken: number[] = [];
  for (let round = 0; round < rounds; round += 1) taken.push(await measure());
  const median = taken.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  const all = rounds === 1 ? '' : `, the median of ${taken.map(inSeconds).join(', ')}`;
  figure(what, `${inSeconds(median)}${all}`, 'goMs' in than ? inSeconds(than.goMs) : 'never');
  // In a short form, on a machine that does other things as well, a figure says nothing.
  const limit = 'goMs' in than ? than.goMs * 1.1 + allowanceMs : than.limitMs;
  if (rounds > 1) expect(median, what).to.be.at.most(limit);
}

/** Milliseconds from a moment to an event, both since the epoch. */
export function since(moment: number, { at }: Pick<PeerEvent, 'at'>): string {
  return `${Math.round(at - moment)} ms`;
}

/** A length of time for people. */
export function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
