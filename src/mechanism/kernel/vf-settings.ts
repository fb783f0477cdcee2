import { ForwarderError } from '../../ports/error.js';
import type { JsonObject } from '../../ports/json.js';
import type { Mac, VfSettings } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { chooseNetdev } from './choose-netdev.js';
import type { Work } from './configure-ip.js';
import type { NetdevPlan } from './netdev-plan.js';
import type { World } from './world.js';

/**
 * VF drivers that take over an administrative MAC only when they are bound anew; until then the PF drops the VF's
 * traffic ("Reload the VF driver to make this change effective", igb and ixgbe).
 */
const rebindAfterMac: ReadonlySet<string> = new Set(['igbvf', 'ixgbevf']);

/** True for a VF driver that heeds another MAC only when it is bound anew. */
export function isRebindNeeded(driver: string): boolean {
  return rebindAfterMac.has(driver);
}

/** No MAC is set: the VF has its own. */
const noMac = '00:00:00:00:00:00' as Mac;

/** What a VF has that nobody has used. */
export const initialVfSettings = { mac: noMac, vlan: 0, qos: 0, vlanProtocol: '802.1q' } as const;

/** The part of a plan that is the PF's business; the driver is the one that has the VF when it is used. */
export type VfPlan = Pick<NetdevPlan, 'function' | 'physicalFunction' | 'vfIndex' | 'driver' | 'mac' | 'vlan'>;

/** What the plan asks of the PF for its VF; undefined when nothing. */
function wantedVfSettings(plan: VfPlan): Partial<VfSettings> | undefined {
  const wanted: Partial<VfSettings> = {
    ...(plan.mac !== undefined && { mac: plan.mac }),
    ...(plan.vlan !== undefined && { vlan: plan.vlan }),
  };
  return Object.keys(wanted).length === 0 ? undefined : wanted;
}

/**
 * Applies the plan's MAC and VLAN through the PF while the VF is at home and down. The PF needs a netdev for that; where
 * there is nothing to set it needs none.
 *
 * @param vf - `restarts`: its driver is bound anew anyway when all this has been taken back
 * @returns true when the VF's driver was bound anew, which makes a new netdev
 */
export async function applyVfSettings(
  world: World,
  { plan, ownMac, restarts }: { readonly plan: VfPlan; readonly ownMac: boolean; readonly restarts: boolean },
  { ledger, signal }: Work,
): Promise<boolean> {
  const wanted = wantedVfSettings(plan);
  if (wanted === undefined) return false;
  const pfIndex = await physicalFunctionIndex(world, plan.physicalFunction, signal);
  const { links } = world.namespaces.home;
  const shown = await links.readVf(pfIndex, plan.vfIndex, signal);
  // Some PFs (igb, ixgbe) show the MAC that the VF chose where none was set: writing that back would forbid it another.
  const original = ownMac ? { ...shown, mac: noMac } : shown;
  const rebind = wanted.mac !== undefined && wanted.mac !== shown.mac && isRebindNeeded(plan.driver);
  const args: JsonObject = {
    physicalFunction: plan.physicalFunction,
    vf: plan.vfIndex,
    original: restorable(original, wanted),
    ...(rebind && !restarts && { rebindTo: plan.driver }),
  };
  await ledger.perform({ kind: 'vf-settings', args, function: plan.function }, async () => {
    await links.changeVf(pfIndex, plan.vfIndex, wanted, signal);
    if (rebind) await rebindDriver(world, plan, signal);
  });
  return rebind;
}

/** Makes the VF's driver start afresh with what the PF says now. */
export async function rebindDriver(
  world: World,
  vf: { readonly function: PciAddress; readonly driver: string },
  signal: AbortSignal,
): Promise<void> {
  await world.pci.unbind(vf.function, signal);
  await world.pci.bind(vf.function, vf.driver, signal);
}

/** The index of the PF's own netdev. */
export async function physicalFunctionIndex(
  world: Pick<World, 'pci' | 'namespaces'>,
  address: PciAddress,
  signal: AbortSignal,
): Promise<number> {
  const { name } = chooseNetdev(await world.pci.facts(address));
  const link = await world.namespaces.home.links.find({ name }, signal);
  if (link !== undefined) return link.index;
  throw new ForwarderError('not-found', `PF ${address}: its netdev ${name} is not in the home namespace`);
}

/** Of the original only what is about to change: drivers refuse attributes that they do not know. */
function restorable(original: VfSettings, wanted: Partial<VfSettings>): JsonObject {
  return {
    ...(wanted.mac !== undefined && { mac: original.mac }),
    ...(wanted.vlan !== undefined && { vlan: original.vlan, qos: original.qos, vlanProtocol: original.vlanProtocol }),
  };
}
