import { ForwarderError } from '../../src/ports/error.js';
import type { IpObject, IpRule } from '../../src/ports/links.js';
import { describeIpObject, familyOf } from './canonical-ip-object.js';
import { hasIpv6, requireNetdev } from './netdev.js';
import type { SimNamespace } from './network-namespace.js';

/**
 * Adds one canonical object as the kernel would, given what its netdev is like at this moment.
 *
 * @throws ForwarderError `not-found` (no such link), `refused` (it is down), `denied`, `invalid` and
 * again `not-found` (no IPv6 on it), `exists`
 */
export function addIpObject(namespace: SimNamespace, object: IpObject): void {
  if (object.kind !== 'rule') checkNetdev(namespace, object);
  namespace.ip.add(object);
}

function checkNetdev(namespace: SimNamespace, object: Exclude<IpObject, IpRule>): void {
  const attempt = `add ${describeIpObject(object)} to link ${object.index}`;
  const netdev = requireNetdev(namespace, object.index, attempt);
  if (object.kind === 'route' && !netdev.up) {
    throw new ForwarderError('refused', `cannot ${attempt}: link ${netdev.name} is down`);
  }
  if (familyOf(object) === 4 || namespace.usesIpv6(netdev)) return;
  if (hasIpv6(netdev)) throw new ForwarderError('denied', `cannot ${attempt}: IPv6 is switched off`);
  const kind = object.kind === 'route' ? 'not-found' : 'invalid';
  throw new ForwarderError(kind, `cannot ${attempt}: an MTU of ${netdev.mtu} leaves no IPv6`);
}

/** Switches IPv6 on where IPv6 addresses shall go, as the port's real side does for clusters that switch it off. */
export function enableIpv6(namespace: SimNamespace, objects: readonly IpObject[]): void {
  for (const object of objects) {
    if (object.kind !== 'address' || familyOf(object) !== 6) continue;
    namespace.netdevs.get(object.index)?.settings.set('ipv6/disable_ipv6', '0');
  }
}
