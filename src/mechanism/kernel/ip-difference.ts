import type { IpObject } from '../../ports/links.js';
import { objectKey } from './ip-objects.js';

/** How to get from what is to what shall be. */
export interface IpChange {
  /** What has to go before anything is added, because it is in the way; in the order in which it can be removed. */
  readonly clear: readonly IpObject[];
  /** In the order in which they can be added. */
  readonly add: readonly IpObject[];
  /** In the order in which they can be removed. */
  readonly remove: readonly IpObject[];
}

/**
 * The difference between what one netdev has and what it shall have. What is equal is not touched, with one exception:
 * the last IPv4 address takes all IPv4 routes and neighbours of its netdev with it (kernel: fib_disable_ip), so these
 * are taken away first and given back.
 *
 * @param present in an order in which it can be removed
 * @param wanted in an order in which it can be added
 */
export function ipDifference(present: readonly IpObject[], wanted: readonly IpObject[]): IpChange {
  const wantedKeys = new Set(wanted.map(objectKey));
  const wantedPlaces = new Set(wanted.map(placeOf));
  const unwanted = (object: IpObject) => !wantedKeys.has(objectKey(object));
  const endsIpv4 = present.some(isIpv4Address) && !wanted.some(isIpv4Address) && wanted.some(isIpv4OnLink);
  const clear = present.filter(
    (object) => (unwanted(object) && wantedPlaces.has(placeOf(object))) || (endsIpv4 && isIpv4OnLink(object)),
  );
  const cleared = new Set(clear);
  const staying = new Set(present.filter((object) => !cleared.has(object)).map(objectKey));
  return {
    clear,
    add: wanted.filter((object) => !staying.has(objectKey(object))),
    remove: present.filter((object) => !cleared.has(object) && unwanted(object)),
  };
}

/** What only one object can have at a time: the kernel refuses the second one, or puts it in place of the first. */
function placeOf(object: IpObject): string {
  switch (object.kind) {
    case 'address':
      // The kernel compares IPv6 addresses without their prefix length.
      return `address ${isIpv6(object) ? object.cidr.split('/')[0] : object.cidr}`;
    case 'route':
      return `route ${object.table} ${object.destination}`;
    case 'neighbour':
      return `neighbour ${object.ip}`;
    case 'rule':
      return objectKey(object);
  }
}

/** True for what belongs to IPv6. */
export function isIpv6(object: IpObject): boolean {
  if (object.kind === 'rule') return object.family === 6;
  const text = object.kind === 'address' ? object.cidr : object.kind === 'route' ? object.destination : object.ip;
  return text.includes(':');
}

function isIpv4Address(object: IpObject): boolean {
  return object.kind === 'address' && !isIpv6(object);
}

function isIpv4OnLink(object: IpObject): boolean {
  return object.kind !== 'rule' && !isIpv6(object);
}
