import type { Ledger } from '../../ledger/ledger.js';
import { toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import { revokeStrayGrants } from './device-grants.js';
import { keepPodAccess } from './pod-access.js';
import type { VfioWorld } from './vfio-world.js';

/** Runs work with the ledger of each connection in its turn: no Request and no Close of it goes on meanwhile. */
export type EachLedger = (work: (ledger: Ledger) => Promise<void>) => Promise<void>;

/** What the audit of device access works on. */
export interface DeviceAudit {
  readonly world: VfioWorld;
  readonly eachLedger: EachLedger;
  readonly log: Log;
}

/** How long one look may take. */
const longestLookMs = 30_000;

/**
 * One look: device access becomes exactly what the live connections justify. Container runtimes set a container's rules
 * anew at every update of its resources and know nothing of grants, a restarted container has another cgroup, and a
 * process whose record was lost may have left grants behind.
 */
export async function auditDevices({ world, eachLedger, log }: DeviceAudit, signal: AbortSignal): Promise<void> {
  await eachLedger(async (ledger) => {
    try {
      await keepPodAccess(world, { ledger, signal });
    } catch (thrown) {
      log.warn('a client has lost access to its device', { reason: toForwarderError(thrown).message });
    }
  });
  await takeBackStrayAccess({ world, log }, signal);
}

/**
 * Takes back access that nobody on record needs. A start does so before anything is given out: a device that a process
 * may open whose record was lost must not be the next client's.
 */
export async function takeBackStrayAccess(
  { world, log }: Pick<DeviceAudit, 'world' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  for (const { cgroup, devices } of await revokeStrayGrants(world, signal)) {
    const numbers = devices.map(({ major, minor }) => `${major}:${minor}`);
    log.warn('took back access to devices that no connection justifies', { cgroup: cgroup.path, devices: numbers });
  }
}

/** Looks again and again until the signal fires. */
export async function auditDevicesForEver(audit: DeviceAudit, intervalMs: number, signal: AbortSignal): Promise<void> {
  const { clock } = audit.world;
  for (;;) {
    const slept = await clock.sleep(intervalMs, signal).then(
      () => true,
      () => false,
    );
    if (!slept) return;
    try {
      using deadline = clock.deadline('comparing device access with what is on record', longestLookMs, signal);
      await auditDevices(audit, deadline.signal);
    } catch (thrown) {
      audit.log.warn('device access could not be compared with what is on record', {
        reason: toForwarderError(thrown).message,
      });
    }
  }
}
