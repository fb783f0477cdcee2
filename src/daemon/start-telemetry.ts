import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { noTelemetry, type Telemetry } from '../ports/telemetry.js';
import type { Settings } from '../settings/environment/settings.js';
import { grpcCodeOf } from '../transport/grpc-status.js';
import { hostPortText } from './listen-address.js';
import type { Teardown } from './teardown.js';

/** How long the last spans may take to be sent at the end. */
const lastExportMs = 2_000;

/**
 * Traces and metrics, if they are wanted. The libraries for them are loaded only then. That they cannot be had stops
 * nothing, and no collector is waited for.
 */
export async function startTelemetry(
  { settings, clock, log }: { settings: Settings; clock: Clock; log: Log },
  teardown: Teardown,
): Promise<Telemetry> {
  const { telemetry, openTelemetryEndpoint, metricsExportInterval: metricsIntervalMs, name } = settings;
  if (!telemetry || openTelemetryEndpoint === undefined) return noTelemetry;
  const endpoint = hostPortText(openTelemetryEndpoint);
  try {
    const { OpenTelemetry } = await import('../telemetry/open-telemetry.js');
    const started = new OpenTelemetry({ name, endpoint, metricsIntervalMs, codeOf: grpcCodeOf, log });
    teardown.add('telemetry', async (deadline) => {
      using grace = clock.deadline('sending the last spans', lastExportMs, deadline);
      await started.stop(grace.signal);
    });
    log.info('phase: telemetry started', { collector: endpoint });
    return started;
  } catch (thrown) {
    log.error(`going on without telemetry: ${toForwarderError(thrown).message}`);
    return noTelemetry;
  }
}
