import { ForwarderError } from '../../ports/error.js';
import type { JsonObject } from '../../ports/json.js';
import type { Link, VfSettings } from '../../ports/links.js';
import { travelName } from './interface-name.js';
import type { NetdevPlan } from './netdev-plan.js';
import { initialVfSettings, isRebindNeeded, physicalFunctionIndex } from './vf-settings.js';
import type { World } from './world.js';

/** A VF by its place in the hardware. */
export type PlacedFunction = Pick<NetdevPlan, 'function' | 'physicalFunction' | 'vfIndex' | 'driver'>;

/**
 * What it takes to make a VF fit for the next client when nobody knows how it was before the last one: it starts afresh,
 * with nothing set through its PF. Where nothing may start afresh, its netdev keeps its MAC and MTU of now, and gets the
 * name that tells whose it is.
 *
 * @param link - its netdev, wherever that is
 * @returns arguments of a step that the inverse `netdev-adopted` takes back
 */
export async function unknownPast(
  world: World,
  { vf, link }: { readonly vf: PlacedFunction; readonly link: Link },
  signal: AbortSignal,
): Promise<JsonObject> {
  const later = world.resetVfs ? await freshStart(world, vf) : asItIs(vf, link);
  return { ...later, ...(await settingsToClear(world, vf, signal)) };
}

async function freshStart(world: World, { function: address, driver }: PlacedFunction): Promise<JsonObject> {
  return { startsAfresh: true, driver, reset: await world.pci.isResettable(address) };
}

function asItIs({ function: address }: PlacedFunction, { mtu, altNames }: Link): JsonObject {
  return { startsAfresh: false, name: travelName(address), mac: '', mtu, altNames };
}

/**
 * What is set for it through its PF, to be as it is for a VF that nobody has used. Through a PF that takes no settings
 * nobody has set any.
 */
async function settingsToClear(
  world: World,
  { physicalFunction, vfIndex, driver }: PlacedFunction,
  signal: AbortSignal,
): Promise<JsonObject> {
  const pfIndex = await physicalFunctionIndex(world, physicalFunction, signal);
  const shown = await world.namespaces.home.links.readVf(pfIndex, vfIndex, signal).catch(undefinedIfUnsupported);
  if (shown === undefined) return {};
  const { mac, vlan, qos, vlanProtocol } = initialVfSettings;
  const original: Partial<VfSettings> = {
    ...(shown.mac !== mac && { mac }),
    ...(shown.vlan !== vlan && { vlan, qos, vlanProtocol }),
  };
  const rebinds = original.mac !== undefined && !world.resetVfs && isRebindNeeded(driver);
  return { physicalFunction, vf: vfIndex, original, ...(rebinds && { rebindTo: driver }) };
}

function undefinedIfUnsupported(error: unknown): undefined {
  if (!(error instanceof ForwarderError) || error.kind !== 'unsupported') throw error;
}
