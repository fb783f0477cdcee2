import { DevicePlugin } from '../deviceplugin/device-plugin.js';
import type { Forwarder } from '../forwarder/forwarder.js';
import { rememberedTokens } from '../forwarder/recovery/remembered-tokens.js';
import type { Clock } from '../ports/clock.js';
import type { Journal } from '../ports/journal.js';
import type { Log } from '../ports/log.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';
import type { TokenUsers } from '../resourcepool/token-users.js';
import type { Settings } from '../settings/environment/settings.js';
import { handedOn } from './handed-on.js';
import { offerFromPool } from './offer-from-pool.js';
import { podDeviceGiver } from './pod-device-giver.js';
import { TakeBack } from './take-back.js';

/** What tokens are restored from and for. */
export interface RestoreTokensParts {
  readonly settings: Settings;
  readonly pool: ResourcePool;
  readonly journal: Journal;
  /** Over the same journal. */
  readonly users: TokenUsers;
  readonly connections: Pick<Forwarder['connections'], 'end'>;
  readonly podDevices: Forwarder['podDevices'];
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Takes over which pod has which token, from kubelet and from the journal, and from then on follows what becomes of
 * pods: with its pod a token loses its user, and after a while its connections end.
 *
 * @returns kubelet's front-end, which offers nothing yet
 * @param running ends what goes on afterwards
 * @throws ForwarderError what stopped it, or the signal's reason
 */
export async function restoreTokens(
  parts: RestoreTokensParts,
  running: AbortSignal,
  signal: AbortSignal,
): Promise<DevicePlugin> {
  const { settings, pool, journal, users, connections, podDevices, clock, log } = parts;
  const close = (connection: string) => connections.end(connection);
  const takeBack = new TakeBack({ pool, close, clock, log, graceMs: settings.podGoneGrace, signal: running });
  const offer = offerFromPool(pool, handedOn({ users, podDevices, takeBack }));
  const plugin = await DevicePlugin.restore(
    {
      offer,
      clock,
      log,
      devicePluginPath: settings.devicePluginPath,
      podResourcesPath: settings.podResourcesPath,
      pollInterval: settings.resourcePollTimeout,
      preferredAllocation: settings.preferredAllocation,
      devices: podDeviceGiver(podDevices, new Set(settings.vfioAtAllocate)),
      remembered: unite(rememberedTokens(journal), users.remembered()),
    },
    signal,
  );
  users.prune((token: TokenId) => pool.token(token) !== undefined);
  return plugin;
}

/** What either of two memories has, by name. */
function unite<T>(one: ReadonlyMap<string, readonly T[]>, other: ReadonlyMap<string, readonly T[]>): Map<string, T[]> {
  const of = (name: string) => [...new Set([...(one.get(name) ?? []), ...(other.get(name) ?? [])])];
  return new Map([...one.keys(), ...other.keys()].map((name) => [name, of(name)]));
}
