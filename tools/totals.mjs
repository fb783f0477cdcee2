/** What a lane of tests came to: three counts, and the one line in which every command here ends. */

/** @typedef {{ passed: number, failed: number, skipped: number }} Totals */

/** @returns {Totals} */
export function oneTest(ok) {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** @type {Totals} */
export const oneSkipped = { passed: 0, failed: 0, skipped: 1 };

/** @param {readonly Totals[]} parts @returns {Totals} */
export function sum(parts) {
  const of = (key) => parts.reduce((total, part) => total + part[key], 0);
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

/** @param {Totals} totals */
export function formatTotals({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/**
 * The totals on the last line of a text that is nothing but totals (the skipped ones may be left out); undefined when
 * there is none.
 *
 * @param {string} text @returns {Totals | undefined}
 */
export function lastTotals(text) {
  const last = [...text.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\r?$/gm)].at(-1);
  if (last === undefined) return undefined;
  return { passed: Number(last[1]), failed: Number(last[2]), skipped: Number(last[3] ?? 0) };
}

/**
 * Never lets a command that failed look as if it had passed: a bad end without a failed test counts as one, and so do
 * totals that never came.
 *
 * @param {Totals | undefined} totals @param {boolean} endedWell @returns {Totals}
 */
export function withEnd(totals, endedWell) {
  if (totals === undefined) return oneTest(false);
  return endedWell || totals.failed > 0 ? totals : { ...totals, failed: 1 };
}
