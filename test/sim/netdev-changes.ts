import { ForwarderError } from '../../src/ports/error.js';
import { isUnicastMac } from '../../src/ports/ip.js';
import type { LinkChange, Mac } from '../../src/ports/links.js';
import { hasIpv6, type Netdev } from './netdev.js';
import type { SimNamespace } from './network-namespace.js';

const leastMtu = 68;

/**
 * Applies a change in the kernel's order (do_setlink), the link taken down first where the change says so. It stops at
 * a refusal: what came before has happened.
 *
 * @throws ForwarderError `invalid`, `exists`, `busy`, `denied`
 */
export function changeNetdev(netdev: Netdev, change: LinkChange): void {
  if (change.name !== undefined) requireName(change.name);
  if (change.up === false) takeDown(netdev);
  if (change.mac !== undefined) changeMac(netdev, change.mac);
  if (change.mtu !== undefined) changeMtu(netdev, change.mtu);
  if (change.name !== undefined) rename(netdev, change.name);
  if (change.up === true) netdev.up = true;
}

/**
 * Moves to another namespace and renames, in one message as the kernel takes it: under its old name if that is free
 * there, and only then under the new one. So when the new name is taken, the netdev may have moved all the same.
 *
 * @throws ForwarderError `exists`, `invalid`
 */
export function moveNetdev(netdev: Netdev, to: SimNamespace, name: string): void {
  requireName(name);
  if (netdev.name === 'lo') throw new ForwarderError('invalid', 'cannot move link lo: it stays in its namespace');
  if (to !== netdev.namespace) {
    const oldNameTaken = to.named(netdev.name) !== undefined;
    if (oldNameTaken) requireFree(to, name);
    for (const altName of netdev.altNames) requireFree(to, altName);
    transfer(netdev, to, oldNameTaken ? name : netdev.name);
  }
  rename(netdev, name);
}

/** Brings a netdev home out of a namespace that ends: under its name, or `dev<index>`, without clashing altnames. */
export function returnNetdev(netdev: Netdev, home: SimNamespace): void {
  const names = [netdev.name, `dev${netdev.index}`, home.freeName('dev')];
  netdev.altNames = netdev.altNames.filter((altName) => home.named(altName) === undefined);
  transfer(netdev, home, names.find((name) => home.named(name) === undefined) ?? netdev.name);
}

/** A MAC that nobody objects to; the driver has been asked or has chosen it itself. */
export function setMac(netdev: Netdev, mac: Mac): void {
  if (netdev.mac === mac) return;
  netdev.mac = mac;
  netdev.namespace.ip.macChanged(netdev.index);
}

function transfer(netdev: Netdev, to: SimNamespace, name: string): void {
  netdev.namespace.release(netdev);
  netdev.name = name;
  to.receive(netdev);
}

function takeDown(netdev: Netdev): void {
  netdev.up = false;
  netdev.namespace.ip.linkDown(netdev.index);
}

function changeMac(netdev: Netdev, mac: Mac): void {
  if (!isUnicastMac(mac)) {
    throw new ForwarderError('denied', `cannot give ${mac} to link ${netdev.name}: not a unicast address`);
  }
  netdev.origin.checkMac?.(mac);
  setMac(netdev, mac);
}

function changeMtu(netdev: Netdev, mtu: number): void {
  const { maxMtu } = netdev.origin;
  if (!Number.isInteger(mtu) || mtu < leastMtu || mtu > maxMtu) {
    throw new ForwarderError('invalid', `MTU ${mtu} of link ${netdev.name} is not within ${leastMtu} to ${maxMtu}`);
  }
  const hadIpv6 = hasIpv6(netdev);
  netdev.mtu = mtu;
  if (hadIpv6 === hasIpv6(netdev)) return;
  // With IPv6 go its settings; when it comes back it is new.
  netdev.namespace.ip.dropIpv6(netdev.index);
  const fresh = netdev.namespace.settings.ofNewNetdev();
  for (const [key, value] of fresh) if (key.startsWith('ipv6/')) netdev.settings.set(key, value);
}

function rename(netdev: Netdev, name: string): void {
  if (netdev.name === name) return;
  requireFree(netdev.namespace, name);
  if (netdev.up && netdev.origin.renameNeedsDown) {
    throw new ForwarderError('busy', `cannot rename link ${netdev.name} to ${name}: it is up`);
  }
  netdev.name = name;
}

function requireFree(namespace: SimNamespace, name: string): void {
  if (namespace.named(name) === undefined) return;
  throw new ForwarderError('exists', `${namespace.path} has a link named ${JSON.stringify(name)}`);
}

function requireName(name: string): void {
  const length = Buffer.byteLength(name);
  if (length > 0 && length < 16 && name !== '.' && name !== '..' && !/[/:%\s\0]/.test(name)) return;
  throw new ForwarderError('invalid', `${JSON.stringify(name)} cannot name a link`);
}
