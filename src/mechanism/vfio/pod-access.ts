import type { Entry } from '../../ledger/entry.js';
import type { Cgroup, DeviceNumber } from '../../ports/device-access.js';
import { ForwarderError } from '../../ports/error.js';
import type { JsonObject } from '../../ports/json.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { PodUid } from '../../ports/pod-cgroup.js';
import type { Work } from '../kernel/configure-ip.js';
import { narrowCgroups } from './cgroup-hint.js';
import { grantDevices, grantedCgroup, isGrant } from './device-grants.js';
import { inspectGivenNode } from './given-node.js';
import type { VfioWorld } from './vfio-world.js';

/** Where a client is. */
export interface ClientPlace {
  readonly pod: PodUid;
  /** See {@link readCgroupHint}. */
  readonly below: string;
}

/** What the client's containers may use, as long as its connection lives. */
export interface PodAccess extends ClientPlace {
  readonly iommuGroup: number;
  /** Of `/dev/vfio/vfio`. */
  readonly container: DeviceNumber;
  /** Of the group's node. */
  readonly device: DeviceNumber;
}

/** Containers may come and go while they are looked at; each time there is another look. */
const mostLooks = 5;

/**
 * The cgroups in which the client may be.
 *
 * @throws ForwarderError `not-found` when the pod has none
 */
export async function clientCgroups(
  { access }: Pick<VfioWorld, 'access'>,
  { pod, below }: ClientPlace,
  signal: AbortSignal,
): Promise<readonly Cgroup[]> {
  const cgroups = narrowCgroups(await access.cgroupsOf(pod, signal), below);
  if (cgroups.length > 0) return cgroups;
  throw new ForwarderError(
    'not-found',
    below === ''
      ? 'the pod that has the token has no container with a cgroup on this node'
      : `the pod that has the token has no cgroup ${JSON.stringify(below)} on this node`,
  );
}

/** Lets all containers of the client use the devices; what is granted belongs to the connection's ledger. */
export async function givePodAccess(world: VfioWorld, it: Omit<Grantee, 'seen'>, work: Work): Promise<void> {
  const { function: address, access } = it;
  const step = { kind: 'pod-access', args: access as unknown as JsonObject, function: address };
  await work.ledger.perform(step, () => grantEverywhere(world, it, work));
}

/**
 * Brings the access of a connection's client to what it was promised: where others took it away, in containers that
 * were started since, and no longer in cgroups that are gone. A pod without containers needs nothing. When the group's
 * node is gone, or another one, all access is taken back: its number may be that of somebody else's device by now.
 *
 * @throws ForwarderError `unavailable` in that case, otherwise what stood in the way
 */
export async function keepPodAccess(world: VfioWorld, work: Work): Promise<void> {
  for (const entry of work.ledger.entries().filter(({ kind }) => kind === 'pod-access')) {
    const access = entry.args as unknown as PodAccess;
    const address = entry.function;
    await requireSameNode(world, { entry, access }, work);
    const cgroups = await world.access.cgroupsOf(access.pod, work.signal);
    await forgetVanished(cgroups, entry, work);
    const seen = narrowCgroups(cgroups, access.below);
    if (address !== undefined && seen.length > 0)
      await grantEverywhere(world, { function: address, access, seen }, work);
  }
}

interface Grantee {
  readonly function: PciAddress;
  readonly access: PodAccess;
  /** The client's cgroups as they were a moment ago. */
  readonly seen?: readonly Cgroup[];
}

async function grantEverywhere(
  world: VfioWorld,
  { function: address, access, seen }: Grantee,
  work: Work,
): Promise<void> {
  for (let look = 1; ; look += 1) {
    const cgroups = look === 1 && seen !== undefined ? seen : await clientCgroups(world, access, work.signal);
    try {
      for (const cgroup of cgroups) {
        await grantDevices(world, { function: address, cgroup, devices: [access.container, access.device] }, work);
      }
      return;
    } catch (thrown) {
      // A container has ended meanwhile: the others count, or another one in its place.
      if (!(thrown instanceof ForwarderError) || thrown.kind !== 'not-found' || look === mostLooks) throw thrown;
    }
  }
}

async function requireSameNode(
  world: VfioWorld,
  { entry, access }: { readonly entry: Entry; readonly access: PodAccess },
  { ledger }: Work,
): Promise<void> {
  const wrong = await inspectGivenNode(world, access);
  if (wrong === undefined) return;
  await ledger.release((it) => isGrant(it) && it.function === entry.function);
  throw new ForwarderError('unavailable', wrong);
}

/** Grants in cgroups that are gone: undoing them costs nothing and tidies the record. */
async function forgetVanished(
  cgroups: readonly Cgroup[],
  { function: address }: Entry,
  { ledger }: Work,
): Promise<void> {
  const here = new Set(cgroups.map(({ inode }) => inode));
  await ledger.release(
    (entry) => isGrant(entry) && entry.function === address && !here.has(grantedCgroup(entry).inode),
  );
}
