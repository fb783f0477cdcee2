import type { Entry, Inverses } from '../ledger/entry.js';
import type { World } from '../mechanism/kernel/world.js';
import { auditDevicesForEver, type EachLedger, takeBackStrayAccess } from '../mechanism/vfio/audit-devices.js';
import { restoreVfio, vfioInverses } from '../mechanism/vfio/inverses.js';
import { whyHeldOpen } from '../mechanism/vfio/release-device.js';
import { SharedChanges } from '../mechanism/vfio/shared-changes.js';
import type { VfioWorld } from '../mechanism/vfio/vfio-world.js';
import type { DeviceAccess } from '../ports/device-access.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { FunctionFacts } from '../ports/pci-bus.js';
import type { VfioDevices } from '../ports/vfio-devices.js';
import type { Delivery } from './elements/choose-mechanism.js';
import type { Functions, TokenDoor } from './elements/claim-function.js';
import { deliverVfio } from './elements/deliver-vfio.js';
import { handToPod } from './elements/hand-to-pod.js';
import type { ClientLocator } from './elements/locate-client.js';

/** What VFIO needs of the outside beside what KERNEL does. */
export interface VfioOutside extends ClientLocator, Pick<VfioWorld, 'afterUse' | 'noIommuAllowed'> {
  readonly access: DeviceAccess;
  readonly nodes: VfioDevices;
  /** In the place of that for clients, for pods that get a VF as a device: kubelet asks for them, and shows no id. */
  readonly podDoor: TokenDoor;
  /** Between two looks at all clients' access, ms: a container that was started again waits so long at most. */
  readonly auditMs: number;
}

/** The VFIO mechanism, as the forwarder puts it to use. */
export interface VfioMechanism {
  readonly delivery: Delivery;
  /** For pods that get a VF as a device when they are made. */
  readonly handing: Pick<Delivery, 'name' | 'request' | 'inspect'>;
  readonly inverses: Inverses;
  /** To be called with all that former processes have left on record, before any of it is undone. */
  restore(entries: readonly Entry[]): void;
  /** Takes back access that no connection justifies; once, when all on record is taken over. Never rejects. */
  takeBackStrays(signal: AbortSignal): Promise<void>;
  /** Why a VF that no connection has is in use all the same. */
  whyInUse(facts: FunctionFacts): Promise<string | undefined>;
  /** Makes sure of every client's access again and again, until the signal fires. */
  audit(eachLedger: EachLedger, signal: AbortSignal): Promise<void>;
}

/** Puts the mechanism together. */
export function createVfio(
  { access, nodes, podDoor, auditMs, afterUse, noIommuAllowed, ...locator }: VfioOutside,
  { world, functions, log }: { readonly world: World; readonly functions: Functions; readonly log: Log },
): VfioMechanism {
  const vfioWorld: VfioWorld = {
    ...world,
    access,
    vfio: nodes,
    grants: new SharedChanges(),
    bound: new SharedChanges(),
    isOffered: (address) => functions.all().some((it) => it.function === address),
    afterUse,
    noIommuAllowed,
  };
  return {
    delivery: deliverVfio({ ...locator, world: vfioWorld, functions }),
    handing: handToPod({ world: vfioWorld, functions: { ...functions, door: podDoor } }),
    inverses: vfioInverses(vfioWorld),
    restore: (entries) => restoreVfio(vfioWorld, entries),
    takeBackStrays: async (signal) => {
      try {
        await takeBackStrayAccess({ world: vfioWorld, log }, signal);
      } catch (thrown) {
        log.warn('access of nobody could not be looked for', { reason: toForwarderError(thrown).message });
      }
    },
    whyInUse: (facts) => whyHeldOpen(vfioWorld, facts),
    audit: (eachLedger, signal) => auditDevicesForEver({ world: vfioWorld, eachLedger, log }, auditMs, signal),
  };
}
