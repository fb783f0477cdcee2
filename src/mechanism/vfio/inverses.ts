import type { Entry, Inverses } from '../../ledger/entry.js';
import { releaseGroup, restoreBindings } from './bind-group.js';
import { restoreGrants, revokeDevices } from './device-grants.js';
import { releaseDevice } from './release-device.js';
import type { VfioWorld } from './vfio-world.js';

/**
 * How each step of the VFIO mechanism is taken back, settings through the PF apart, which are the kernel mechanism's as
 * well. In the order of a Close: access, the client's place, the device, its settings (`vf-settings`), the driver.
 */
export function vfioInverses(world: VfioWorld): Inverses {
  return {
    'device-granted': (entry, signal) => revokeDevices(world, entry, signal),
    // It only says what shall be; what was done for it has entries of its own.
    'pod-access': async () => undefined,
    'device-used': (entry, signal) => releaseDevice(world, entry, signal),
    'group-bound': (entry, signal) => releaseGroup(world, entry, signal),
  };
}

/**
 * Takes into account who of a former process's connections relies on what. To be called with all entries on record, and
 * before any of them is undone: the first to be undone must not take from the others.
 */
export function restoreVfio(world: VfioWorld, entries: readonly Entry[]): void {
  restoreGrants(world, entries);
  restoreBindings(world, entries);
}
