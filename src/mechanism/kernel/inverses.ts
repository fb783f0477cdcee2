import type { Entry, Inverse, Inverses } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { JsonObject } from '../../ports/json.js';
import type { IpObject, Link, LinkChange, Mac, NamespaceId, NetNamespace, VfSettings } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { awaitAtHome } from './find-at-home.js';
import { travelName } from './interface-name.js';
import { settingText } from './namespace-setting.js';
import { findNetdev, type NetdevIdentity } from './netdev-identity.js';
import { physicalFunctionIndex, rebindDriver } from './vf-settings.js';
import type { World } from './world.js';

/** How each step of the kernel mechanism is taken back. The shapes of `args` are those the steps are recorded with. */
export function kernelInverses(world: World): Inverses {
  return {
    'namespace-held': async (entry) => world.held.drop(namespaceOf(entry), entry.connection),
    'driver-bound': (entry, signal) => restoreDriver(world, entry, signal),
    'netdev-identity': (entry, signal) => restoreIdentity(world, entry, signal),
    'vf-settings': (entry, signal) => restoreVfSettings(world, entry, signal),
    'netdev-moved': (entry, signal) => bringHome(world, entry, signal),
    'ip-added': onIpObjects(world, (namespace, objects, signal) =>
      namespace.addressing.remove([...objects].reverse(), signal),
    ),
    'ip-removed': onIpObjects(world, (namespace, objects, signal) =>
      namespace.addressing.add([...objects].reverse(), signal),
    ),
    'link-changed': (entry, signal) => restoreLink(world, entry, signal),
    'namespace-setting': (entry) => restoreSetting(world, entry),
  };
}

async function restoreDriver(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const address = functionOf(entry);
  const { former } = entry.args as { former?: string };
  if (former === undefined) await world.pci.unbind(address, signal);
  else await world.pci.bind(address, former, signal);
}

/**
 * Moves the netdev home under its travel name. It may be there already: the kernel returns it when its namespace ends,
 * under whatever name it had.
 */
async function bringHome(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const identity = recordedIdentity(entry);
  const name = travelName(identity.function);
  const names = [name, String(entry.args['interfaceName'])];
  const away = world.held.find(namespaceOf(entry));
  if (away === undefined) return;
  const there = await findNetdev(away.links, identity, { names, signal });
  if (there !== undefined) await away.links.move(there.index, world.namespaces.home, name, signal);
}

/** The netdev as it was: name, MAC, MTU, down. Its MAC comes last of all, when the PF no longer forbids it. */
async function restoreIdentity(world: World, entry: Entry, signal: AbortSignal): Promise<void> {
  const address = functionOf(entry);
  const { name, mac, mtu } = entry.args as { name: string; mac: Mac | ''; mtu: number };
  const link = await strandedAtHome(world, entry, signal);
  const { links } = world.namespaces.home;
  const change: LinkChange = {
    ...(link.up && { up: false }),
    ...(mac !== '' && link.mac !== mac && { mac }),
    ...(link.mtu !== mtu && { mtu }),
  };
  if (Object.keys(change).length > 0) await links.change(link.index, change, signal);
  if (link.name !== name) await rename(world, { address, link, name }, signal);
}

/** The name it had; when another netdev took that meanwhile, the travel name stays: it tells whose it is. */
async function rename(
  world: World,
  { address, link, name }: { address: PciAddress; link: Link; name: string },
  signal: AbortSignal,
): Promise<void> {
  const { links } = world.namespaces.home;
  if (link.altNames.includes(name)) await links.removeAltName(link.index, name, signal);
  const taken = await links.change(link.index, { name }, signal).then(
    () => false,
    (error: unknown) => {
      if (error instanceof ForwarderError && error.kind === 'exists') return true;
      throw error;
    },
  );
  const travelling = travelName(address);
  if (taken && link.name !== travelling) await links.change(link.index, { name: travelling }, signal);
}

async function strandedAtHome(world: World, entry: Entry, signal: AbortSignal): Promise<Link> {
  const identity = recordedIdentity(entry);
  const names = [travelName(identity.function), String(entry.args['name'])];
  const link = await findNetdev(world.namespaces.home.links, identity, { names, signal });
  if (link !== undefined) return link;
  // A driver that was bound anew made a new netdev, which only the PCI tree knows by then.
  return awaitAtHome(world, identity.function, signal);
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
  const { links } = world.held.get(namespaceOf(entry));
  const link = await findNetdev(links, recordedIdentity(entry), { names: [], signal });
  if (link !== undefined) await links.change(link.index, former, signal);
}

/** Settings of a whole namespace stay while another connection is in it, and when somebody else has changed them. */
async function restoreSetting(world: World, entry: Entry): Promise<void> {
  const { path, value, former } = entry.args as { path: string; value: string; former: string };
  const id = namespaceOf(entry);
  if (world.held.holders(id) > 1) return;
  const { addressing } = world.held.get(id);
  if (settingText(addressing.readSetting(path)) === value) addressing.writeSetting(path, former);
}

function onIpObjects(
  world: World,
  undo: (namespace: NetNamespace, objects: readonly IpObject[], signal: AbortSignal) => Promise<void>,
): Inverse {
  return async (entry, signal) => {
    const { objects } = entry.args as unknown as { objects: readonly IpObject[] };
    await undo(world.held.get(namespaceOf(entry)), objects, signal);
  };
}

function namespaceOf(entry: Entry): NamespaceId {
  return entry.args['namespace'] as NamespaceId;
}

function functionOf(entry: Entry): PciAddress {
  if (entry.function === undefined) throw new ForwarderError('unknown', `a step of kind ${entry.kind} names no VF`);
  return entry.function;
}

function recordedIdentity(entry: Entry): NetdevIdentity {
  const { index, macs, mac, givenMac, parented } = entry.args as JsonObject & {
    index: number;
    macs?: readonly Mac[];
    mac?: Mac;
    givenMac?: Mac;
    parented: boolean;
  };
  const known = [...(macs ?? []), ...[mac, givenMac].filter((it) => it !== undefined)];
  return { function: functionOf(entry), index, macs: known, parented };
}
