import type { Entry } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { JsonObject } from '../../ports/json.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import type { Work } from '../kernel/configure-ip.js';
import { functionOf } from '../kernel/function-of.js';
import { readFormerNetdev, restoreFormerNetdev } from './former-netdev.js';
import { functionsToBind } from './iommu-rules.js';
import { type FormerBinding, type VfioWorld, vfioDriver } from './vfio-world.js';

/** A function of the group as it was before. */
interface Member extends FormerBinding {
  readonly address: PciAddress;
}

/** What a step of the kind `group-bound` says. */
interface BindingArgs {
  readonly members: readonly Member[];
  /** The client has got it: from now on the VF has served. */
  readonly served?: boolean;
}

/** A group with all its VFs bound to vfio-pci. */
export interface BoundGroup {
  readonly iommuGroup: number;
  /** The entry of the binding. */
  readonly binding: Entry['id'];
  /** The function can be reset by itself. */
  readonly resettable: boolean;
  /** How it was before anybody bound it. */
  readonly former: FormerBinding;
}

/**
 * Binds the function and all VFs that share its IOMMU group to vfio-pci, each over `driver_override`. Those that another
 * connection of the group has bound stay as they are, and one more connection relies on them.
 *
 * @throws ForwarderError as {@link functionsToBind} and {@link PciBus.bind}
 */
export async function bindGroup(world: VfioWorld, address: PciAddress, work: Work): Promise<BoundGroup> {
  const { iommuGroup } = await world.pci.facts(address);
  const { binding, former } = await world.bound.inTurn(groupTurn(iommuGroup, address), async () => {
    const functions = await functionsToBind(world, address);
    const members = await Promise.all(functions.map((facts) => formerMember(world, facts, work.signal)));
    const step = { kind: 'group-bound', args: { members } as unknown as JsonObject, function: address };
    return work.ledger.perform(step, async (id) => {
      for (const member of members) world.bound.hold(member.address, id, member);
      for (const { address: it } of members) await world.pci.bind(it, vfioDriver, work.signal);
      return { binding: id, former: members[0] ?? {} };
    });
  });
  // Without an IOMMU the kernel makes up a group when vfio-pci takes the function.
  const bound = iommuGroup ?? (await world.pci.facts(address)).iommuGroup;
  const resettable = await world.pci.isResettable(address);
  if (bound !== undefined) return { iommuGroup: bound, binding, resettable, former };
  throw new ForwarderError('unsupported', `${address} has no IOMMU group although ${vfioDriver} has it`);
}

/** To be called when the client has got the device: with {@link VfioWorld.afterUse} `keep` the VFs stay bound. */
export function markServed(binding: Entry['id'], { ledger }: Work): void {
  ledger.amend(binding, { served: true });
}

/**
 * The inverse. Only the last connection of a group gives its VFs back; with others left, the own VF only becomes again
 * what they need.
 */
export async function releaseGroup(world: VfioWorld, entry: Entry, signal: AbortSignal): Promise<void> {
  const address = functionOf(entry);
  const { members } = bindingArgs(entry);
  const { iommuGroup } = await world.pci.facts(address);
  await world.bound.inTurn(groupTurn(iommuGroup, address), async () => {
    for (const member of members) {
      if (world.bound.isLast(member.address, entry.id)) await giveBack(world, { entry, member }, signal);
      else if (member.address === address) await world.pci.bind(address, vfioDriver, signal);
    }
    for (const member of members) world.bound.drop(member.address, entry.id);
  });
}

/** Takes into account what a former process has bound. To be called with all entries on record before any is undone. */
export function restoreBindings(world: Pick<VfioWorld, 'bound'>, entries: readonly Entry[]): void {
  for (const entry of entries.filter(({ kind }) => kind === 'group-bound')) {
    for (const member of bindingArgs(entry).members) world.bound.hold(member.address, entry.id, member);
  }
}

async function giveBack(
  world: VfioWorld,
  { entry, member }: { readonly entry: Entry; readonly member: Member },
  signal: AbortSignal,
): Promise<void> {
  const { address, netdev } = member;
  const keeps = world.afterUse === 'keep' && bindingArgs(entry).served === true;
  const driver = keeps ? vfioDriver : member.driver;
  if (driver === undefined) {
    await world.pci.unbind(address, signal);
    return;
  }
  await world.pci.bind(address, driver, signal);
  if (netdev !== undefined && driver !== vfioDriver) await restoreFormerNetdev(world, { address, netdev }, signal);
}

async function formerMember(world: VfioWorld, facts: FunctionFacts, signal: AbortSignal): Promise<Member> {
  const { address, driver } = facts;
  const known = world.bound.original(address);
  if (known !== undefined) return { ...known.value, address };
  const netdev = await readFormerNetdev(world, facts, signal);
  return { address, ...(driver !== undefined && { driver }), ...(netdev && { netdev }) };
}

function bindingArgs({ args }: Entry): BindingArgs {
  return args as unknown as BindingArgs;
}

/** Under which name whoever binds functions of a group takes turns; a function without one is alone. */
export function groupTurn(iommuGroup: number | undefined, address: PciAddress): string {
  return iommuGroup === undefined ? address : `group ${iommuGroup}`;
}
