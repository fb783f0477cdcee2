import type { DeviceGiver } from '../deviceplugin/device-giver.js';
import type { PodDevices } from '../forwarder/pod-devices.js';
import { parseTokenId } from '../resourcepool/token-id.js';

/** Kubelet's view of VFs that pods have as devices. @param resources NSM_VFIO_AT_ALLOCATE */
export function podDeviceGiver(
  devices: Pick<PodDevices, 'give' | 'takeBack' | 'check'>,
  resources: ReadonlySet<string>,
): DeviceGiver {
  return {
    gives: (resource) => resources.has(resource),
    give: async (token, signal) => {
      const { function: address, device, noIommu } = await devices.give(parseTokenId(token), signal);
      return { address, iommuGroup: device.iommuGroup, noIommu };
    },
    takeBack: async (token) => devices.takeBack(parseTokenId(token)),
    check: async (token, signal) => devices.check(parseTokenId(token), signal),
  };
}
