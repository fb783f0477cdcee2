import type { Entry } from '../../ledger/entry.js';
import type { Access, Cgroup, DeviceNumber, KeptDevice } from '../../ports/device-access.js';
import type { JsonObject } from '../../ports/json.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { Work } from '../kernel/configure-ip.js';
import type { VfioWorld } from './vfio-world.js';

/** Devices that a connection needs in one cgroup. */
export interface NeededDevices {
  readonly function: PciAddress;
  readonly cgroup: Cgroup;
  readonly devices: readonly DeviceNumber[];
}

/** What a step of the kind `device-granted` says. */
interface GrantArgs {
  readonly cgroup: Cgroup;
  readonly devices: readonly KeptDevice[];
}

/** By what grants are known in {@link VfioWorld.grants}. */
function grantKey({ path, inode }: Cgroup, { major, minor }: DeviceNumber): string {
  return `${path}#${inode} ${major}:${minor}`;
}

/**
 * Lets the processes of a cgroup use the devices. A device that others allow is none of our business, so it is neither
 * granted nor recorded; one that another connection was granted gets a further holder. What is on record already is
 * granted again where somebody took it away. Safe to repeat.
 *
 * @throws ForwarderError as {@link DeviceAccess.grant}
 */
export async function grantDevices(world: VfioWorld, needed: NeededDevices, { ledger, signal }: Work): Promise<void> {
  const { cgroup, devices } = needed;
  await world.grants.inTurn(turnOf(cgroup), async () => {
    const access = await world.access.read(cgroup, devices, signal);
    const forbidden = devices.filter((_, n) => access[n]?.allowedBy === 'nobody');
    const grant = async () => {
      if (forbidden.length > 0) await world.access.grant(cgroup, forbidden, signal);
    };
    const recorded = new Set(ledger.entries().filter(isGrant).flatMap(grantKeys));
    const missing = devices.flatMap((device, n) => {
      const kept = recorded.has(grantKey(cgroup, device)) ? undefined : toHold(world, { cgroup, device }, access[n]);
      return kept === undefined ? [] : [kept];
    });
    if (missing.length === 0) {
      await grant();
      return;
    }
    const args = { cgroup, devices: missing } as unknown as JsonObject;
    await ledger.perform({ kind: 'device-granted', args, function: needed.function }, async (id) => {
      for (const device of missing) world.grants.hold(grantKey(cgroup, device), id, device.keep);
      await grant();
    });
  });
}

/** The inverse: the last holder takes the access back. */
export async function revokeDevices(world: VfioWorld, entry: Entry, signal: AbortSignal): Promise<void> {
  const { cgroup, devices } = grantArgs(entry);
  await world.grants.inTurn(turnOf(cgroup), async () => {
    const last = devices.filter((device) => world.grants.isLast(grantKey(cgroup, device), entry.id));
    if (last.length > 0) await world.access.revoke(cgroup, last, signal);
    for (const device of devices) world.grants.drop(grantKey(cgroup, device), entry.id);
  });
}

/** Takes into account what a former process has granted. To be called with all entries on record before any is undone. */
export function restoreGrants(world: Pick<VfioWorld, 'grants'>, entries: readonly Entry[]): void {
  for (const entry of entries.filter(isGrant)) {
    const { cgroup, devices } = grantArgs(entry);
    for (const device of devices) world.grants.hold(grantKey(cgroup, device), entry.id, device.keep);
  }
}

/**
 * Takes back grants that the kernel shows to be ours and that no entry knows of: those of a process whose record was
 * lost.
 *
 * @returns what was taken back
 */
export async function revokeStrayGrants(world: VfioWorld, signal: AbortSignal): Promise<readonly NeededGrant[]> {
  const taken: NeededGrant[] = [];
  for (const { cgroup, devices } of await world.access.shownGrants(signal)) {
    await world.grants.inTurn(turnOf(cgroup), async () => {
      const strays = devices.filter((device) => world.grants.original(grantKey(cgroup, device)) === undefined);
      if (strays.length === 0) return;
      await world.access.revoke(
        cgroup,
        strays.map((device) => ({ ...device, keep: '' })),
        signal,
      );
      taken.push({ cgroup, devices: strays });
    });
  }
  return taken;
}

/** A grant without anybody who needs it. */
export type NeededGrant = Omit<NeededDevices, 'function'>;

/** True for entries of grants. */
export function isGrant({ kind }: Entry): boolean {
  return kind === 'device-granted';
}

/** The cgroup of a grant's entry. */
export function grantedCgroup(entry: Entry): Cgroup {
  return grantArgs(entry).cgroup;
}

function toHold(
  world: VfioWorld,
  { cgroup, device }: { readonly cgroup: Cgroup; readonly device: DeviceNumber },
  access: Access | undefined,
): KeptDevice | undefined {
  const original = world.grants.original(grantKey(cgroup, device));
  if (original !== undefined) return { ...device, keep: original.value };
  return access?.allowedBy === 'others' ? undefined : { ...device, keep: access?.keep ?? '' };
}

function grantKeys(entry: Entry): string[] {
  const { cgroup, devices } = grantArgs(entry);
  return devices.map((device) => grantKey(cgroup, device));
}

function grantArgs({ args }: Entry): GrantArgs {
  return args as unknown as GrantArgs;
}

function turnOf({ path, inode }: Cgroup): string {
  return `${path}#${inode}`;
}
