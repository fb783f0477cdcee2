const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Why a test was skipped: its own reason, or that of the suite around it whose hook skipped. */
function reasonOf(test) {
  for (let at = test; at !== undefined; at = at.parent) {
    if (at.skipReason !== undefined) return at.skipReason;
  }
  return undefined;
}

/** One line for a failure: the test, and the first line of what went wrong. */
function failureLine(test, error) {
  return `  failed: ${test.fullTitle()}: ${String(error?.message ?? error).split('\n')[0]}`;
}

/**
 * Mocha's spec output, then each skipped test with its reason and each failed one, a line each. Counts go to the file named by the reporter option
 * `totals`. A test skipped without a reason (test/skip-because.ts gives one) counts as failed.
 */
class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    const failures = [];
    runner.on('pending', (test) => skipped.push(test));
    runner.on('fail', (test, error) => failures.push(failureLine(test, error)));
    runner.once('end', () => {
      const silent = skipped.filter((test) => reasonOf(test) === undefined);
      for (const test of skipped) console.log(`  skipped: ${test.fullTitle()}: ${reasonOf(test) ?? 'NO REASON GIVEN'}`);
      for (const failure of failures) console.log(failure);
      const totals = {
        passed: this.stats.passes,
        failed: this.stats.failures + silent.length,
        skipped: skipped.length - silent.length,
      };
      const file = options.reporterOptions?.totals;
      if (file !== undefined) writeFileSync(file, JSON.stringify(totals));
    });
  }
}

module.exports = TotalsReporter;
