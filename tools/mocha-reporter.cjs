const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Why a test was skipped: its own reason, or that of the suite around it whose hook skipped. */
function reasonOf(test) {
  for (let at = test; at !== undefined; at = at.parent) {
    if (at.skipReason !== undefined) return at.skipReason;
  }
  return undefined;
}

/**
 * Mocha's spec output, then each skipped test with its reason. Counts go to the file named by the reporter option
 * `totals`. A test skipped without a reason (test/skip-because.ts gives one) counts as failed.
 */
class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const skipped = [];
    runner.on('pending', (test) => skipped.push(test));
    runner.once('end', () => {
      const silent = skipped.filter((test) => reasonOf(test) === undefined);
      for (const test of skipped) console.log(`  skipped: ${test.fullTitle()}: ${reasonOf(test) ?? 'NO REASON GIVEN'}`);
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
