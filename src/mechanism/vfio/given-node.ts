import type { DeliveredDevice } from './device-plan.js';
import type { VfioWorld } from './vfio-world.js';

/**
 * Whether a group's node still is the one that somebody was given. Behind another number there may be somebody else's
 * device by now.
 *
 * @returns what is wrong; undefined when nothing is
 */
export async function inspectGivenNode(
  world: Pick<VfioWorld, 'vfio'>,
  { iommuGroup, device }: Pick<DeliveredDevice, 'iommuGroup' | 'device'>,
): Promise<string | undefined> {
  const node = await world.vfio.group(iommuGroup);
  if (node?.device.major === device.major && node.device.minor === device.minor) return undefined;
  return `the device node of IOMMU group ${iommuGroup} is not the one that was given`;
}
