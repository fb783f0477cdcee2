import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { ProfileServer } from '../profiling/profile-server.js';
import type { Settings } from '../settings/environment/settings.js';
import { hostPortText } from './listen-address.js';
import type { Teardown } from './teardown.js';

/** Serves profiles, if they are wanted. A forwarder that cannot be profiled still forwards. */
export async function startProfiler(
  { settings, clock, log }: { settings: Settings; clock: Clock; log: Log },
  teardown: Teardown,
): Promise<void> {
  const { pprofEnabled, pprofListenOn: listenOn } = settings;
  if (!pprofEnabled || listenOn === undefined) return;
  try {
    const server = await ProfileServer.start({ listenOn, clock, log });
    teardown.add('profiles', () => server[Symbol.asyncDispose]());
    log.info('phase: profiles served', { address: hostPortText({ ...listenOn, port: server.port }) });
  } catch (thrown) {
    log.error(`going on without profiles at ${hostPortText(listenOn)}: ${toForwarderError(thrown).message}`);
  }
}
