import type { Entry, Inverse, Inverses } from '../../ledger/entry.js';
import type { IpObject, Link, LinkChange, NetNamespace, VfSettings } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { dropAltNames, returnAltNames } from './alt-names.js';
import { awaitAtHome } from './find-at-home.js';
import { startAfresh } from './fresh-start.js';
import { functionOf } from './function-of.js';
import { giveHomeName } from './home-name.js';
import { travelName } from './interface-name.js';
import { moveHome } from './move-home.js';
import { settingText } from './namespace-setting.js';
import { findNetdev, recordedNetdev } from './netdev-identity.js';
import { namespaceOf, reachNamespace } from './reach-namespace.js';
import { physicalFunctionIndex, rebindDriver } from './vf-settings.js';
import type { World } from './world.js';

/** How each step of the kernel mechanism is taken back. The shapes of `args` are those the steps are recorded with. */
export function kernelInverses(world: World): Inverses {
  return {
    'namespace-held': async (entry) => world.held.drop(namespaceOf(entry), entry.connection),
    'driver-bound': (entry, signal) => restoreDriver(world, entry, signal),
    'netdev-identity': (entry, signal) => restoreIdentity(world, entry, signal),
    'function-used': (entry, signal) => startAfresh(world, entry, signal),
    'vf-settings': (entry, signal) => restoreVfSettings(world, entry, signal),
    'netdev-moved': (entry, signal) => bringHome(world, entry, signal),
    'netdev-adopted': (entry, signal) => bringAdoptedHome(world, entry, signal),
    'ip-added': onIpObjects(world, (namespace, objects, signal) =>
      namespace.addressing.remove([...objects].reverse(), signal),
    ),
    'ip-removed': onIpObjects(world, (namespace, objects, signal) =>
      namespace.addressing.add([...objects].reverse(), signal),
    ),
    'link-changed': (entry, signal) => restoreLink(world, entry, signal),
    'namespace-setting': (entry, signal) => restoreSetting(world, entry, signal),
  };
}

async function restoreDriver(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const address = functionOf(entry);
  const { former } = entry.args as { former?: string };
  if (former === undefined) await world.pci.unbind(address, signal);
  else await world.pci.bind(address, former, signal);
}

/** Moves the netdev home under its travel name, unless it is there already. */
async function bringHome(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const away = await reachNamespace(world, entry, signal);
  if (away === undefined) return;
  const netdev = recordedNetdev(entry);
  const link = await findNetdev(away.links, netdev, signal);
  if (link === undefined) return;
  await moveHome({ away, link }, { home: world.namespaces.home, name: travelName(netdev.function) }, signal);
}

/** The whole way home of a netdev of which nobody knows how it came to be where it is. */
async function bringAdoptedHome(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  await bringHome(world, entry, signal);
  await cleanAtHome(world, entry, signal);
}

/** The rest of that way: for a VF whose past is not known. */
export async function cleanAtHome(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  if (entry.args['original'] !== undefined) await restoreVfSettings(world, entry, signal);
  if (entry.args['startsAfresh'] === true) await startAfresh(world, entry, signal);
  else await restoreIdentity(world, entry, signal);
}

/** The netdev as it was: names, MAC, MTU, down. Its MAC comes last of all, when the PF no longer forbids it. */
async function restoreIdentity(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const { name, mac, mtu, altNames } = entry.args as unknown as Pick<Link, 'name' | 'mac' | 'mtu' | 'altNames'>;
  const link = await strandedAtHome(world, entry, signal);
  const { links } = world.namespaces.home;
  await dropAltNames({ links, link }, altNames, signal);
  const change: LinkChange = {
    ...(link.up && { up: false }),
    ...(mac !== '' && link.mac !== mac && { mac }),
    ...(link.mtu !== mtu && { mtu }),
  };
  if (Object.keys(change).length > 0) await links.change(link.index, change, signal);
  await giveHomeName(world, { function: functionOf(entry), link, name }, signal);
  await returnAltNames({ links, link }, altNames, signal);
}

/** It may be there under any of its names: the kernel returns it when its namespace ends, as it was called there. */
async function strandedAtHome(world: World, entry: Entry, signal: AbortSignal): Promise<Link> {
  const netdev = recordedNetdev(entry);
  const link = await findNetdev(world.namespaces.home.links, netdev, signal);
  if (link !== undefined) return link;
  // A driver that was bound anew made a new netdev, which only the PCI tree knows by then.
  return awaitAtHome(world, netdev.function, signal);
}

async function restoreVfSettings(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const { physicalFunction, vf, original, rebindTo } = entry.args as unknown as {
    physicalFunction: PciAddress;
    vf: number;
    original: Partial<VfSettings>;
    rebindTo?: string;
  };
  const pfIndex = await physicalFunctionIndex(world, physicalFunction, signal);
  await world.namespaces.home.links.changeVf(pfIndex, vf, original, signal);
  if (rebindTo !== undefined) {
    await rebindDriver(world, { function: functionOf(entry), driver: rebindTo }, signal);
    await awaitAtHome(world, functionOf(entry), signal);
  }
}

/** For changes to a delivered netdev on a refresh: back to what they were before it. */
async function restoreLink(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const { former } = entry.args as unknown as { former: LinkChange };
  const namespace = await reachNamespace(world, entry, signal);
  const link = namespace && (await findNetdev(namespace.links, recordedNetdev(entry), signal));
  if (link !== undefined) await namespace?.links.change(link.index, former, signal);
}

/** Settings of a whole namespace stay while another connection is in it, and when somebody else has changed them. */
async function restoreSetting(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const { path, value, former } = entry.args as { path: string; value: string; former: string };
  if (world.held.holders(namespaceOf(entry)) > 1) return;
  const namespace = await reachNamespace(world, entry, signal);
  if (namespace === undefined || settingText(namespace.addressing.readSetting(path)) !== value) return;
  namespace.addressing.writeSetting(path, former);
}

function onIpObjects(
  world: World,
  undo: (namespace: NetNamespace, objects: readonly IpObject[], signal: AbortSignal) => Promise<void>,
): Inverse {
  return async (entry, signal) => {
    const { objects } = entry.args as unknown as { objects: readonly IpObject[] };
    const namespace = await reachNamespace(world, entry, signal);
    if (namespace !== undefined) await undo(namespace, objects, signal);
  };
}
