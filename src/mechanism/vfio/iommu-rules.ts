import { ForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import { type VfioWorld, vfioDriver } from './vfio-world.js';

/** Drivers beside which a group can serve VFIO: the kernel knows that they start no transfers of the device's own. */
const harmlessDrivers: ReadonlySet<string> = new Set([vfioDriver, 'pcieport', 'pci-stub', 'pci-bridge']);

/** What is asked of the node to judge a group. */
export type GroupReader = Pick<VfioWorld, 'pci' | 'isOffered' | 'noIommuAllowed'>;

/**
 * All functions that have to be bound to vfio-pci so that a process can use this one: the VFs of its IOMMU group
 * (kernel: Documentation/driver-api/vfio.rst, "a group is viable").
 *
 * @param isOurs - the VF serves its client another way up to now, and is about to come home
 * @throws ForwarderError `unsupported` when the group can never serve VFIO, `busy` when somebody uses a member in
 *   another way; the message names the member and the rule
 */
export async function functionsToBind(
  reader: GroupReader,
  address: PciAddress,
  isOurs = false,
): Promise<readonly FunctionFacts[]> {
  const facts = await reader.pci.facts(address);
  if (facts.iommuGroup === undefined) return [requireNoIommuAllowed(reader, facts)];
  const group = facts.iommuGroup;
  const others = (await reader.pci.groupMembers(address)).filter((it) => it !== address);
  const members = await Promise.all(others.map((it) => reader.pci.facts(it)));
  for (const member of members) await refuseMember(reader, { group, facts, member });
  if (!isOurs) refuseAway(facts, group);
  // An unbound VF of somebody else is in nobody's way, and not ours to bind.
  return [facts, ...members.filter((it) => isVf(it) && reader.isOffered(it.address))];
}

/** Why a function cannot serve VFIO as things are; undefined when it can. */
export async function whyNoVfio(reader: GroupReader, address: PciAddress): Promise<string | undefined> {
  try {
    await functionsToBind(reader, address);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof ForwarderError) return thrown.message;
    throw thrown;
  }
}

interface Case {
  readonly group: number;
  /** Of the function that is asked for. */
  readonly facts: FunctionFacts;
  readonly member: FunctionFacts;
}

async function refuseMember(reader: GroupReader, { group, facts, member }: Case): Promise<void> {
  if (isVf(member)) {
    refuseSibling(reader, member, group);
    return;
  }
  const isPf =
    facts.physicalFunction === member.address || (await reader.pci.virtualFunctions(member.address)).length > 0;
  if (isPf) {
    throw new ForwarderError(
      'unsupported',
      `${facts.address} cannot serve VFIO: its IOMMU group ${group} holds the PF ${member.address}, ` +
        'which vfio-pci would take away with all its VFs (a root port with ACS would part them)',
    );
  }
  if (member.driver === undefined || harmlessDrivers.has(member.driver)) return;
  throw new ForwarderError(
    'unsupported',
    `${facts.address} cannot serve VFIO: ${member.address}, in its IOMMU group ${group}, has the driver ${member.driver}`,
  );
}

function refuseSibling(reader: GroupReader, member: FunctionFacts, group: number): void {
  if (member.driver === undefined || harmlessDrivers.has(member.driver)) return;
  if (reader.isOffered(member.address)) {
    refuseAway(member, group);
    return;
  }
  throw new ForwarderError(
    'busy',
    `IOMMU group ${group} cannot serve VFIO: VF ${member.address} in it is not configured and has the driver ${member.driver}`,
  );
}

/** A VF whose netdev is in another namespace is in use, whoever put it there: to bind it would take it from them. */
function refuseAway({ address, driver, netdevs }: FunctionFacts, group: number): void {
  if (driver === undefined || harmlessDrivers.has(driver) || netdevs.length > 0) return;
  throw new ForwarderError(
    'busy',
    `IOMMU group ${group} cannot serve VFIO now: VF ${address} in it has the driver ${driver} and its netdev is away`,
  );
}

function requireNoIommuAllowed({ noIommuAllowed }: GroupReader, facts: FunctionFacts): FunctionFacts {
  if (noIommuAllowed) return facts;
  throw new ForwarderError(
    'unsupported',
    `${facts.address} cannot serve VFIO: it has no IOMMU group. Turn the IOMMU on (intel_iommu=on, amd_iommu=on), or ` +
      'allow VFIO without one, which lets its user reach all memory',
  );
}

function isVf({ physicalFunction }: FunctionFacts): boolean {
  return physicalFunction !== undefined;
}
