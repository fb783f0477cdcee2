import { join } from 'node:path';
import { openDeviceAccess } from '../cgroup/open-device-access.js';
import { DeviceCheckpointFile } from '../deviceplugin/device-checkpoint.js';
import { KubeletPodOwners } from '../deviceplugin/kubelet-pod-owners.js';
import { PodResources } from '../deviceplugin/pod-resources.js';
import type { VfioOutside } from '../forwarder/vfio.js';
import type { Clock } from '../ports/clock.js';
import type { DeviceAccess } from '../ports/device-access.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { Settings } from '../settings/environment/settings.js';
import { VfioFolder } from '../vfio/vfio-folder.js';

/** What the node is asked through. */
export interface VfioParts {
  readonly settings: Settings;
  /** Names of the resources that are offered. */
  readonly names: () => readonly string[];
  readonly clock: Clock;
  readonly log: Log;
}

/** How often clients' access is looked after: so long a container that was started again waits for its device. */
const auditMs = 10_000;

/** What VFIO needs of the node: cgroups, the nodes of IOMMU groups, and kubelet's word on whose a token is. */
export async function openVfio({ settings, names, clock, log }: VfioParts): Promise<Omit<VfioOutside, 'podDoor'>> {
  const { devicePluginPath, podResourcesPath, vfioUnknownOwner, vfioAfterUse, vfioNoIommu } = settings;
  reportUnknown(settings.vfioAtAllocate, { names: names(), log });
  return {
    access: await deviceAccess(settings.cgroupPath, log),
    nodes: new VfioFolder(settings.vfioPath, log),
    owners: new KubeletPodOwners({
      checkpoint: new DeviceCheckpointFile(join(devicePluginPath, 'kubelet_internal_checkpoint')),
      podResources: new PodResources(podResourcesPath, clock),
      names,
      clock,
    }),
    auditMs,
    unknownOwner: vfioUnknownOwner,
    afterUse: vfioAfterUse,
    noIommuAllowed: vfioNoIommu,
  };
}

/** They may be offered later, as the configuration is followed; more likely one of them is misspelt. */
function reportUnknown(
  resources: readonly string[],
  { names, log }: { readonly names: readonly string[]; readonly log: Log },
): void {
  const unknown = resources.filter((resource) => !names.includes(resource));
  if (unknown.length === 0) return;
  log.warn('NSM_VFIO_AT_ALLOCATE lists what is not offered', { resources: unknown, offered: names });
}

/** KERNEL needs no cgroups: where there are none that decide about devices only VFIO is refused, and says why. */
async function deviceAccess(path: string, log: Log): Promise<DeviceAccess> {
  try {
    return await openDeviceAccess(path);
  } catch (thrown) {
    const error = toForwarderError(thrown);
    log.warn('nobody can be given the device of a VF', { reason: error.message });
    const refuse = () => Promise.reject(error);
    return { cgroupsOf: refuse, read: refuse, grant: refuse, revoke: refuse, shownGrants: async () => [] };
  }
}
