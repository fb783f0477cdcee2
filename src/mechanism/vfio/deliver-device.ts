import type { Entry } from '../../ledger/entry.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { VfioGroup } from '../../ports/vfio-devices.js';
import type { Work } from '../kernel/configure-ip.js';
import { bindGroup, markServed } from './bind-group.js';
import type { DeliveredDevice, DevicePlan, DeviceSetUp } from './device-plan.js';
import { applyDeviceSettings } from './device-settings.js';
import { functionsToBind } from './iommu-rules.js';
import { type ClientPlace, clientCgroups, givePodAccess } from './pod-access.js';
import { recordDeviceUse, refuseOpenGroup } from './release-device.js';
import { type VfioWorld, vfioDriver } from './vfio-world.js';

/** How long the kernel gets to make a group's node. */
const nodeMs = 10_000;
/** Steps of the kernel mechanism after which the client has the VF's netdev. */
const broughtAway: ReadonlySet<string> = new Set(['netdev-moved', 'netdev-adopted']);
const firstPauseMs = 2;
const longestPauseMs = 100;

/**
 * Looks before anything costs: the driver, the rules of the VF's IOMMU group, the client's containers where there are some
 * already. A group that a process has open already is put on record, so that the VF is not given out again before that
 * process lets go.
 *
 * @throws ForwarderError saying what is missing, and what to do about it
 */
export async function checkDevice(
  world: VfioWorld,
  { function: address, client }: Pick<DevicePlan, 'function'> & { readonly client?: ClientPlace },
  work: Work,
): Promise<void> {
  const isOurs = work.ledger.entries().some((it) => it.function === address && broughtAway.has(it.kind));
  if (!(await world.pci.hasDriver(vfioDriver))) {
    throw new ForwarderError(
      'not-found',
      `driver ${vfioDriver} is not registered: load its module (modprobe ${vfioDriver})`,
    );
  }
  await world.vfio.container();
  if (client !== undefined) await clientCgroups(world, client, work.signal);
  const [facts] = await functionsToBind(world, address, isOurs);
  if (facts?.driver !== vfioDriver || facts.iommuGroup === undefined) return;
  await refuseOpenGroup(world, { function: address, iommuGroup: facts.iommuGroup }, work);
}

/**
 * Gives a claimed VF's device to the client: vfio-pci, settings through the PF, the group's node, and last of all access
 * for exactly the client's containers.
 */
export async function deliverDevice(world: VfioWorld, plan: DevicePlan, work: Work): Promise<DeliveredDevice> {
  const { device, binding } = await setUpDevice(world, plan, work);
  const access = { ...plan.client, ...device };
  await givePodAccess(world, { function: plan.function, access }, work);
  markServed(binding, work);
  return device;
}

/** A device that can be opened by whoever may. */
export interface ReadyDevice {
  readonly device: DeliveredDevice;
  /** The entry of its binding: see {@link markServed}. */
  readonly binding: Entry['id'];
  /** No IOMMU stands behind its group. */
  readonly noIommu: boolean;
}

/** Makes a claimed VF's device ready: vfio-pci, settings through the PF, the group's node. Nobody gets access to it. */
export async function setUpDevice(world: VfioWorld, plan: DeviceSetUp, work: Work): Promise<ReadyDevice> {
  const { function: address } = plan;
  const bound = await bindGroup(world, address, work);
  // Now, as a VF starts with what its PF says when its user opens it; and before the binding is undone, the same.
  await applyDeviceSettings(world, { plan, former: bound.former }, work);
  await recordDeviceUse({ function: address, bound }, work);
  const container = await world.vfio.container();
  const { iommuGroup, binding } = bound;
  const { device, noIommu } = await awaitNode(world, iommuGroup, work.signal);
  return { device: { iommuGroup, container, device }, binding, noIommu };
}

/** The group's node. The kernel makes it within the binding or soon after it. */
async function awaitNode(world: VfioWorld, iommuGroup: number, signal: AbortSignal): Promise<VfioGroup> {
  using deadline = world.clock.deadline(`waiting for /dev/vfio/${iommuGroup}`, nodeMs, signal);
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
    const node = await world.vfio.group(iommuGroup);
    if (node !== undefined) return requireIommu(world, node);
    await world.clock.sleep(pause, deadline.signal).catch(() => {
      throw toForwarderError(deadline.signal.reason);
    });
  }
}

function requireIommu({ noIommuAllowed }: VfioWorld, node: VfioGroup): VfioGroup {
  if (!node.noIommu || noIommuAllowed) return node;
  throw new ForwarderError(
    'unsupported',
    `IOMMU group ${node.iommuGroup} is none: no IOMMU stands behind it, and VFIO without one is not allowed`,
  );
}
