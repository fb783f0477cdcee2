import type { EntryId } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { Link, NetNamespace } from '../../ports/links.js';
import { addIp, choosingTables, firstIpObjects, type Work } from './configure-ip.js';
import type { DeliveredNetdev, NetdevTarget } from './delivered-netdev.js';
import { awaitAtHome, findAtHome, type HomeNetdev } from './find-at-home.js';
import { recordUse } from './fresh-start.js';
import { travelName } from './interface-name.js';
import { addressObjects } from './ip-objects.js';
import { changeSetting } from './namespace-setting.js';
import { findNetdev, identityOf, type NetdevIdentity, netdevArgs } from './netdev-identity.js';
import type { NetdevPlan } from './netdev-plan.js';
import { applyVfSettings } from './vf-settings.js';
import type { World } from './world.js';

/**
 * Brings a claimed VF's netdev into the client's namespace.
 *
 * Everything that can be done at home is done there, while the VF is down: driver, settings through the PF, MAC, MTU.
 * The move itself costs two waits for the kernel (RCU) and everybody else's moves wait meanwhile, so nothing that
 * waits is repeated: no second move, no explicit down.
 */
export async function deliverNetdev(world: World, plan: NetdevPlan, work: Work): Promise<DeliveredNetdev> {
  const atHome = await prepareAtHome(world, plan, work);
  const namespace = world.held.get(plan.namespace);
  const identity = identify(plan, atHome);
  const { moved, index } = await moveAway(world, { plan, namespace, identity }, work);
  const netdev = { ...identity, index };
  await settleIn(world, { plan, target: { namespace, netdev, moved } }, work);
  return { namespace: namespace.id, netdev, moved };
}

/** Right driver, PF settings, MAC and MTU; the netdev as it is after all that. */
async function prepareAtHome(world: World, plan: NetdevPlan, work: Work): Promise<Link> {
  const facts = await world.pci.facts(plan.function);
  const original =
    facts.driver === plan.driver
      ? await findAtHome(world, facts, work.signal)
      : await bindDriver(world, { plan, former: facts.driver }, work);
  const { links } = world.namespaces.home;
  return work.ledger.perform(identityStep(plan, original), async (id) => {
    const { function: address, driver } = plan;
    const resettable = await world.pci.isResettable(address);
    const { name, parent } = original;
    const parented = parent !== undefined;
    const restarts = await recordUse(world, { function: address, driver, name, resettable, parented }, work);
    const rebound = await applyVfSettings(world, { plan, ownMac: original.ownMac, restarts }, work);
    let link: Link = rebound ? await awaitAtHome(world, plan.function, work.signal) : original;
    work.ledger.amend(id, netdevArgs(identify(plan, link)));
    const change = {
      ...(plan.mac !== undefined && plan.mac !== link.mac && { mac: plan.mac }),
      ...(plan.mtu !== undefined && plan.mtu !== link.mtu && { mtu: plan.mtu }),
    };
    if (Object.keys(change).length > 0) {
      await links.change(link.index, change, work.signal);
      link = { ...link, ...change };
    }
    if (link.altNames.includes(plan.interfaceName)) {
      await links.removeAltName(link.index, plan.interfaceName, work.signal);
    }
    return link;
  });
}

/** Binds the driver that makes the netdev, and waits for it. */
async function bindDriver(
  world: World,
  { plan, former }: { readonly plan: NetdevPlan; readonly former: string | undefined },
  { ledger, signal }: Work,
): Promise<HomeNetdev> {
  const args = former === undefined ? {} : { former };
  await ledger.perform({ kind: 'driver-bound', args, function: plan.function }, () =>
    world.pci.bind(plan.function, plan.driver, signal),
  );
  return awaitAtHome(world, plan.function, signal);
}

function identityStep(plan: NetdevPlan, original: Link) {
  return {
    kind: 'netdev-identity',
    function: plan.function,
    args: {
      ...netdevArgs(identify(plan, original)),
      name: original.name,
      mac: original.mac,
      mtu: original.mtu,
      altNames: original.altNames,
    },
  };
}

function identify({ function: address, mac, interfaceName }: NetdevPlan, link: Link): NetdevIdentity {
  return identityOf(address, link, { names: [travelName(address), interfaceName], mac });
}

interface Journey {
  readonly plan: NetdevPlan;
  readonly namespace: NetNamespace;
  readonly identity: NetdevIdentity;
}

/** Moves under the travel name, which nobody else has: the kernel cannot then leave a move half done. */
async function moveAway(
  world: World,
  { plan, namespace, identity }: Journey,
  { ledger, signal }: Work,
): Promise<{ moved: EntryId; index: number }> {
  const name = travelName(plan.function);
  const args = { namespace: namespace.id, ...netdevArgs(identity) };
  return ledger.perform({ kind: 'netdev-moved', args, function: plan.function }, async (moved) => {
    await world.namespaces.home.links.move(identity.index, namespace, name, signal);
    const arrived = await findNetdev(namespace.links, identity, signal);
    if (arrived === undefined) {
      throw new ForwarderError('unknown', `the netdev of ${plan.function} did not arrive in namespace ${namespace.id}`);
    }
    ledger.amend(moved, netdevArgs({ ...identity, index: arrived.index }));
    return { moved, index: arrived.index };
  });
}

/** In the client's namespace: name, addresses, up, then what needs a link that is up. */
async function settleIn(
  world: World,
  { plan, target }: { readonly plan: NetdevPlan; readonly target: NetdevTarget },
  work: Work,
): Promise<void> {
  const { links, addressing } = target.namespace;
  // Neighbours learn of the address when the link comes up (gratuitous ARP, unsolicited advertisement): the kernel
  // does it, nobody waits. These settings end with the netdev's stay in the namespace.
  const travelling = travelName(plan.function);
  addressing.writeSetting(`ipv4/conf/${travelling}/arp_notify`, '1');
  if (addressing.readSetting(`ipv6/conf/${travelling}/ndisc_notify`) !== undefined) {
    addressing.writeSetting(`ipv6/conf/${travelling}/ndisc_notify`, '1');
  }
  await links.change(target.netdev.index, { name: plan.interfaceName }, work.signal).catch((error: unknown) => {
    throw nameTaken(error, plan, target);
  });
  const { ip } = plan;
  if (ip !== undefined) await addIp(addressObjects(ip, target.netdev.index), target, work);
  await links.change(target.netdev.index, { up: true }, work.signal);
  if (ip === undefined) return;
  await choosingTables(world, plan, async () => {
    const objects = await firstIpObjects(ip, target, work.signal);
    await addIp(
      objects.filter((object) => object.kind !== 'address'),
      target,
      work,
    );
  });
  await allowPing(world, target, work);
}

function nameTaken(error: unknown, plan: NetdevPlan, target: NetdevTarget): unknown {
  if (!(error instanceof ForwarderError) || error.kind !== 'exists') return error;
  return new ForwarderError(
    'exists',
    `the client's namespace ${target.namespace.id} already has an interface named ${JSON.stringify(plan.interfaceName)}`,
    { cause: error, details: { interfaceName: plan.interfaceName, namespace: target.namespace.id } },
  );
}

/**
 * Every group may use ICMP sockets, as NSM clients expect of a namespace with a connection. In a user namespace there
 * are fewer groups, which the kernel calls invalid: pinging then stays a privilege, and the connection is good without.
 */
async function allowPing({ held }: World, target: NetdevTarget, work: Work): Promise<void> {
  try {
    await changeSetting({ held, target }, { path: 'ipv4/ping_group_range', value: '0 2147483647' }, work);
  } catch (thrown) {
    if (!(thrown instanceof ForwarderError) || thrown.kind !== 'invalid') throw thrown;
  }
}
