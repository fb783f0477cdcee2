import { isDeepStrictEqual } from 'node:util';
import { ForwarderError } from '../../src/ports/error.js';
import type { IpObject } from '../../src/ports/links.js';
import { describeIpObject, familyOf } from './canonical-ip-object.js';

interface Entry {
  readonly object: IpObject;
  /** False for what somebody else made: the port neither lists nor removes it. */
  readonly ours: boolean;
}

/** Tables that the kernel's own routes and rules use: local, main, default. */
const kernelTables = [255, 254, 253] as const;

/** Addresses, routes, neighbours and rules of one namespace, in canonical form. */
export class IpTable {
  #entries: Entry[] = [];

  /** @throws ForwarderError `exists` when another object is in the way; the same object is not */
  add(object: IpObject, ours = true): void {
    if (this.#entries.some((entry) => isDeepStrictEqual(entry.object, object))) return;
    const place = placeOf(object);
    const inTheWay = this.#entries.find((entry) => place !== undefined && placeOf(entry.object) === place);
    if (inTheWay !== undefined && object.kind !== 'neighbour') {
      const taken = describeIpObject(inTheWay.object);
      throw new ForwarderError('exists', `cannot add ${describeIpObject(object)}: there is ${taken}`);
    }
    // A neighbour gives way to the newer.
    this.#entries = this.#entries.filter((entry) => entry !== inTheWay);
    this.#entries.push({ object, ours });
  }

  /** Removes this object of ours, if it is there. */
  remove(object: IpObject): void {
    const position = this.#entries.findIndex((entry) => entry.ours && isDeepStrictEqual(entry.object, object));
    if (position < 0) return;
    this.#entries.splice(position, 1);
    if (object.kind === 'address' && familyOf(object) === 4) this.#ipv4AddressGone(object.index);
  }

  /** All of ours of one kind, on one netdev or on all. */
  list<K extends IpObject['kind']>(kind: K, index?: number): readonly Extract<IpObject, { kind: K }>[] {
    return this.#entries
      .filter((entry) => entry.ours)
      .map((entry) => entry.object)
      .filter((object): object is Extract<IpObject, { kind: K }> => object.kind === kind)
      .filter((object) => index === undefined || !('index' in object) || object.index === index);
  }

  /** Everything, also what is not ours. */
  entries(): readonly Entry[] {
    return this.#entries;
  }

  usedTables(): ReadonlySet<number> {
    const tables = this.#entries.flatMap(({ object }) => ('table' in object ? [object.table] : []));
    return new Set([...kernelTables, ...tables]);
  }

  /** Removes whatever fits, no matter who made it. */
  drop(fits: (object: IpObject) => boolean): void {
    this.#entries = this.#entries.filter(({ object }) => !fits(object));
  }

  /** The netdev loses IPv6: addresses, routes and neighbours of that family. */
  dropIpv6(index: number): void {
    this.drop((object) => isOn(object, index) && familyOf(object) === 6);
  }

  /** The netdev goes down: only its IPv4 addresses survive. */
  linkDown(index: number): void {
    this.drop((object) => isOn(object, index) && (object.kind !== 'address' || familyOf(object) === 6));
  }

  /** The netdev has another MAC: the kernel forgets all neighbours, the permanent ones too. */
  macChanged(index: number): void {
    this.drop((object) => object.kind === 'neighbour' && object.index === index);
  }

  /** The last IPv4 address takes all IPv4 routes and neighbours of its netdev with it (fib_disable_ip). */
  #ipv4AddressGone(index: number): void {
    const isIpv4 = (object: IpObject) => isOn(object, index) && familyOf(object) === 4;
    if (this.#entries.some(({ object }) => object.kind === 'address' && isIpv4(object))) return;
    this.drop(isIpv4);
  }
}

function isOn(object: IpObject, index: number): boolean {
  return 'index' in object && object.index === index;
}

/** What only one object can have at a time; rules have no such thing. */
function placeOf(object: IpObject): string | undefined {
  switch (object.kind) {
    case 'address':
      // The kernel compares IPv6 addresses without their prefix length.
      return `address ${object.index} ${familyOf(object) === 6 ? object.cidr.split('/')[0] : object.cidr}`;
    case 'route':
      return `route ${object.table} ${object.destination}`;
    case 'neighbour':
      return `neighbour ${object.index} ${object.ip}`;
    case 'rule':
      return undefined;
  }
}
