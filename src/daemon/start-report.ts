import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TakeOverReport } from '../forwarder/forwarder.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';

/** What a start has found and decided, for people. */
export interface StartReport extends TakeOverReport {
  /** ISO 8601. */
  readonly at: string;
  /** What the journal knew: `intact`, `fresh`, `voided` or `damaged`. */
  readonly journal: string;
}

function reportFile(stateDir: string): string {
  return join(stateDir, 'last-start.json');
}

/** Keeps the report of this start in the state folder, in place of the last one. That it cannot stops nothing. */
export async function keepStartReport(stateDir: string, report: StartReport, log: Log): Promise<void> {
  const file = reportFile(stateDir);
  try {
    await writeFile(`${file}.new`, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (thrown) {
    log.warn('the report of this start cannot be kept', { file, reason: toForwarderError(thrown).message });
  }
}

/**
 * The last start's report as text, one line for each connection and VF that was not simply free.
 *
 * @throws ForwarderError when there is none that can be read
 */
export async function lastStartText(stateDir: string): Promise<string> {
  const report = JSON.parse(await readFile(reportFile(stateDir), 'utf8')) as StartReport;
  const { at, journal, connections, quarantined, strays } = report;
  return [
    `start at ${at}, journal ${journal}: ${connections.length} connections taken over, ` +
      `${quarantined.length} VFs in quarantine, ${strays.length} VFs without a record that are not free`,
    ...connections.map(
      ({ connection, functions, verdict, reason, failure }) =>
        `connection ${connection} (${functions.join(', ') || 'no VF'}): ${verdict}, ${reason}${failure ? `; ${failure}` : ''}`,
    ),
    ...quarantined.map((vf) => `VF ${vf.function}: in quarantine, ${vf.reason}; still to do: ${vf.owed.join(', ')}`),
    ...strays.map((vf) => `VF ${vf.function}: kept back, ${vf.reason}`),
  ].join('\n');
}
