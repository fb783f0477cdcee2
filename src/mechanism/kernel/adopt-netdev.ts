import { ForwarderError } from '../../ports/error.js';
import type { NetNamespace } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { Work } from './configure-ip.js';
import type { DeliveredNetdev } from './delivered-netdev.js';
import { travelName } from './interface-name.js';
import { identityOf, netdevArgs } from './netdev-identity.js';

interface Adoption {
  readonly function: PciAddress;
  readonly namespace: NetNamespace;
  readonly interfaceName: string;
}

/**
 * Puts a netdev on record that somebody else has brought to where it is, as a forwarder did that kept no journal: from
 * now on it is this connection's, and goes home when that ends. What it was before is not known; its MAC and MTU of now
 * count for it, and at home it keeps the name that tells whose it is.
 *
 * @throws ForwarderError `not-found` when it is not in the namespace
 */
export async function adoptNetdev(
  { function: address, namespace, interfaceName }: Adoption,
  { ledger, signal }: Work,
): Promise<DeliveredNetdev> {
  const link = await namespace.links.find({ parent: address }, signal);
  if (link === undefined) {
    throw new ForwarderError('not-found', `the netdev of ${address} is not in namespace ${namespace.id}`);
  }
  const name = travelName(address);
  const netdev = { ...identityOf(address, link, { names: [name, interfaceName] }) };
  const original = { name, mac: link.mac, mtu: link.mtu, altNames: link.altNames };
  const nothing = async () => undefined;
  const args = netdevArgs(netdev);
  await ledger.perform({ kind: 'netdev-identity', args: { ...args, ...original }, function: address }, nothing);
  const step = { kind: 'netdev-moved', args: { namespace: namespace.id, ...args }, function: address };
  const moved = await ledger.perform(step, async (id) => id);
  return { namespace: namespace.id, netdev, moved };
}
