import type { IpObject } from '../ports/links.js';
import { addressCodec } from './address-codec.js';
import type { Request } from './exchange.js';
import type { IpCodec } from './ip-codec.js';
import { neighbourCodec } from './neighbour-codec.js';
import { routeCodec } from './route-codec.js';
import { ruleCodec } from './rule-codec.js';

/** The kinds of IP objects. */
export type IpKind = IpObject['kind'];
/** The object of one kind. */
export type IpOf<K extends IpKind> = Extract<IpObject, { kind: K }>;

/** The codec of each kind. */
export const ipCodecs: { readonly [K in IpKind]: IpCodec<IpOf<K>> } = {
  address: addressCodec,
  route: routeCodec,
  neighbour: neighbourCodec,
  rule: ruleCodec,
};

/** The message that adds an object. @throws ForwarderError `invalid` */
export function addRequest(object: IpObject): Request {
  const codec: IpCodec<IpObject> = ipCodecs[object.kind];
  return codec.add(object);
}

/** The message that removes an object. @throws ForwarderError `invalid` */
export function removeRequest(object: IpObject): Request {
  const codec: IpCodec<IpObject> = ipCodecs[object.kind];
  return codec.remove(object);
}

/** An object in words, for errors. */
export function describeIp(object: IpObject): string {
  switch (object.kind) {
    case 'address':
      return `address ${object.cidr} of link ${object.index}`;
    case 'route':
      return `route ${object.destination}${object.gateway ? ` via ${object.gateway}` : ''} over link ${object.index} in table ${object.table}`;
    case 'neighbour':
      return `neighbour ${object.ip} at ${object.mac} of link ${object.index}`;
    case 'rule':
      return `rule ${object.priority} to table ${object.table}${object.from ? ` from ${object.from}` : ''}`;
  }
}
