import type { Entry } from '../../ledger/entry.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import type { Work } from '../kernel/configure-ip.js';
import { functionOf } from '../kernel/function-of.js';
import { type BoundGroup, groupTurn } from './bind-group.js';
import { type VfioWorld, vfioDriver } from './vfio-world.js';

/** What a step of the kind `device-used` says. */
interface UseArgs {
  readonly iommuGroup: number;
  /** The entry by which the group was bound; absent when it was found open before. */
  readonly binding?: Entry['id'];
  readonly resettable: boolean;
}

/** How long a Close waits for processes that are just ending to let go of a group. */
const lettingGoMs = 5_000;
const firstPauseMs = 5;
const longestPauseMs = 250;

/** Puts on record that processes may have the group open from now on, and that the device knows its user. */
export async function recordDeviceUse(
  { function: address, bound }: { readonly function: PciAddress; readonly bound: BoundGroup },
  { ledger }: Work,
): Promise<void> {
  const { iommuGroup, binding, resettable } = bound;
  const args = { iommuGroup, binding, resettable };
  await ledger.perform({ kind: 'device-used', args, function: address }, async () => undefined);
}

/**
 * Refuses a group that a process has open although nobody here has given it to anybody: its last user may live on. The
 * VF is not free then, and not before that process lets go.
 *
 * @throws ForwarderError `busy`
 */
export async function refuseOpenGroup(
  world: VfioWorld,
  { function: address, iommuGroup }: { readonly function: PciAddress; readonly iommuGroup: number },
  { ledger }: Work,
): Promise<void> {
  if (world.bound.original(address) !== undefined || !(await world.vfio.isOpen(iommuGroup))) return;
  const args = { iommuGroup, resettable: false };
  await ledger.perform({ kind: 'device-used', args, function: address }, () => Promise.reject(groupOpen(iommuGroup)));
}

/**
 * Why a VF that no connection has is in use all the same: a process has its group open, as one does that outlived both
 * its connection and the record of it.
 */
export async function whyHeldOpen(
  world: VfioWorld,
  { address, driver, iommuGroup }: FunctionFacts,
): Promise<string | undefined> {
  if (driver !== vfioDriver || iommuGroup === undefined) return undefined;
  // In turn: nobody is given access meanwhile, so whoever would be kept out by our opening it has no right to it.
  const isOpen = await world.bound.inTurn(groupTurn(iommuGroup, address), async () => {
    return world.bound.original(address) === undefined && (await world.vfio.isOpen(iommuGroup));
  });
  return isOpen ? groupOpen(iommuGroup).message : undefined;
}

/**
 * The inverse: waits until no process has the group open, then makes the function forget its user. It must come after
 * all access to the group was taken back, as whether it is open is found out by opening it: nobody may want it then.
 *
 * Other connections of the group have it open with good reason: then there is nothing to wait for. The function is left
 * unbound; whoever gives the group back binds it.
 *
 * @throws ForwarderError `busy` when a process keeps the group open
 */
export async function releaseDevice(world: VfioWorld, entry: Entry, signal: AbortSignal): Promise<void> {
  const { iommuGroup, binding, resettable } = entry.args as unknown as UseArgs;
  const address = functionOf(entry);
  if (binding === undefined) {
    if (await world.vfio.isOpen(iommuGroup)) throw groupOpen(iommuGroup);
    return;
  }
  // In turn: another connection of the group may begin to need it, or bind the function again, at any moment.
  const inTurn = <T>(work: () => Promise<T>) => world.bound.inTurn(groupTurn(iommuGroup, address), work);
  const isOpen = async () => world.bound.isLast(address, binding) && (await world.vfio.isOpen(iommuGroup));
  await awaitLetGo(world, { iommuGroup, isOpen: () => inTurn(isOpen) }, signal);
  if (!resettable || !world.resetVfs) return;
  await inTurn(async () => {
    await world.pci.unbind(address, signal);
    await world.pci.reset(address, signal);
  });
}

/** @throws ForwarderError `busy` after five seconds, or the signal's reason */
async function awaitLetGo(
  world: VfioWorld,
  { iommuGroup, isOpen }: { readonly iommuGroup: number; readonly isOpen: () => Promise<boolean> },
  signal: AbortSignal,
): Promise<void> {
  using patience = world.clock.deadline(`waiting for IOMMU group ${iommuGroup}`, lettingGoMs, signal);
  for (let pause = firstPauseMs; await isOpen(); pause = Math.min(pause * 2, longestPauseMs)) {
    await world.clock.sleep(pause, patience.signal).catch(() => {
      throw signal.aborted ? toForwarderError(signal.reason) : groupOpen(iommuGroup);
    });
  }
}

function groupOpen(iommuGroup: number): ForwarderError {
  return new ForwarderError('busy', `a process still has IOMMU group ${iommuGroup} open`, { details: { iommuGroup } });
}
