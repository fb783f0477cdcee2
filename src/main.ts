import { readFileSync } from 'node:fs';
import { open as openInspector } from 'node:inspector';
import { SystemClock } from './clock/system-clock.js';
import { startDaemon } from './daemon/start-daemon.js';
import { lastStartText } from './daemon/start-report.js';
import { followSignals } from './observe/follow-signals.js';
import { openLog } from './observe/open-log.js';
import { Verbosity } from './observe/verbosity.js';
import { ForwarderError, toForwarderError } from './ports/error.js';
import type { Log } from './ports/log.js';
import { readSettings } from './settings/environment/read-settings.js';
import type { Settings } from './settings/environment/settings.js';
import { helpText } from './settings/help-text.js';
import { readPciConfig } from './settings/pci-config/read-pci-config.js';
import type { Reading } from './settings/reading.js';

/** Exit codes: 0 after an orderly end, 1 when something failed, 2 when the configuration or the command line is wrong. */
const failed = 1;
const misconfigured = 2;

/** Time for an orderly end; kubelet kills after 30 s unless told otherwise. */
const stopMs = 20_000;

async function main(args: readonly string[]): Promise<number> {
  const [arg] = args;
  if (arg === '--help' || arg === '-h') return print(helpText());
  if (arg === '--version') return print(version());
  if (arg !== undefined && arg !== '--last-start') {
    process.stderr.write(`unknown argument ${JSON.stringify(arg)}: expected --help, --version, --last-start or none\n`);
    return misconfigured;
  }
  const settings = readSettings(process.env);
  if (!settings.ok) {
    process.stderr.write(`${settings.error.message}\n`);
    return misconfigured;
  }
  if (arg === '--last-start') return printLastStart(settings.value);
  const { logLevel, logFormat, name } = settings.value;
  const verbosity = new Verbosity(logLevel);
  const log = openLog({ verbosity, format: logFormat, name });
  followSignals(process, verbosity, log);
  return run(settings, log);
}

async function run(reading: Extract<Reading<Settings>, { ok: true }>, log: Log): Promise<number> {
  const settings = reading.value;
  for (const warning of reading.warnings) log.warn(warning);
  const inspector = settings.inspectorListenOn;
  if (inspector !== undefined) openInspector(inspector.port, inspector.host === '' ? '0.0.0.0' : inspector.host);
  const ended = endSignal();
  const config = await readPciConfig(settings.sriovConfigFile, ended);
  for (const warning of config.warnings) log.warn(warning);
  if (!config.ok) {
    log.error(config.error.message);
    return misconfigured;
  }
  const clock = new SystemClock();
  const started = clock.now();
  try {
    const daemon = await startDaemon({ settings, config: config.value, clock, log }, ended);
    log.info(`startup completed in ${Math.round(clock.now() - started)} ms`);
    await aborted(ended);
    log.info('ending', { reason: String((ended.reason as Error).message) });
    using deadline = clock.deadline('an orderly end', stopMs);
    await daemon.stop(deadline.signal);
    return 0;
  } catch (thrown) {
    if (ended.aborted) return 0;
    const error = toForwarderError(thrown);
    log.error(`cannot start: ${error.message}`, { kind: error.kind });
    return error.kind === 'invalid' ? misconfigured : failed;
  }
}

/** Aborts with the first signal that asks for an end; the same signals are then ignored, the end is under way. */
function endSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    process.on(name, () => controller.abort(new ForwarderError('cancelled', `received ${name}`)));
  }
  return controller.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** What the last start on this node found and decided, as the state folder has it. */
async function printLastStart({ stateDir }: Settings): Promise<number> {
  try {
    return print(await lastStartText(stateDir));
  } catch (thrown) {
    process.stderr.write(`there is no report of a start in ${stateDir}: ${toForwarderError(thrown).message}\n`);
    return failed;
  }
}

function version(): string {
  // Compiled, this file is one folder deeper.
  const root = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json';
  const text = readFileSync(new URL(root, import.meta.url), 'utf8');
  return `forwarder-sriov ${(JSON.parse(text) as { version: string }).version}`;
}

function print(text: string): number {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

// A promise that nobody waited for is a mistake of ours: say so before the end that Node makes of it.
process.on('unhandledRejection', (reason) => {
  process.stderr.write(
    `unhandled rejection, the process ends: ${reason instanceof Error ? reason.stack : String(reason)}\n`,
  );
  process.exit(failed);
});

process.exit(await main(process.argv.slice(2)));
