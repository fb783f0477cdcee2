import type { Connection } from '../../../apis/generated/connection.js';
import type { NetdevPlan } from '../../mechanism/kernel/netdev-plan.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import { isUnicastMac, parseMac } from '../../ports/ip.js';
import type { Mac } from '../../ports/links.js';
import { readIpPlan } from './read-ip-plan.js';

/** The part of a netdev plan that the connection's context decides. */
export type ContextPlan = Pick<NetdevPlan, 'mac' | 'vlan' | 'mtu' | 'ip'>;

const highestVlan = 4094;
/** IPv4 needs as much (RFC 791); the driver may allow less or more. */
const smallestMtu = 68;

/**
 * What the connection's context asks of the client's netdev.
 *
 * @param trunk - the client gets a VLAN trunk (mechanism parameter `vlan`): addressing is the endpoint's business
 * @throws ForwarderError `invalid`, naming the field, the value and the rule
 */
export function readContextPlan(connection: Connection, trunk: boolean): ContextPlan {
  const { context } = connection;
  const mac = readMac(context?.ethernetContext?.srcMac ?? '');
  const vlan = readVlan(context?.ethernetContext?.vlanTag ?? 0);
  const mtu = readMtu(context?.MTU ?? 0);
  const ip = readIpPlan(context?.ipContext);
  return {
    ...(mac !== undefined && { mac }),
    ...(vlan !== undefined && { vlan }),
    ...(mtu !== undefined && { mtu }),
    ...(!trunk && { ip }),
  };
}

function readMac(text: string): Mac | undefined {
  if (text === '') return undefined;
  const mac = readField(text);
  if (isUnicastMac(mac)) return mac;
  throw new ForwarderError(
    'invalid',
    `ethernet context, src_mac: ${mac} is not a unicast address, no netdev can have it`,
  );
}

function readField(text: string): Mac {
  try {
    return parseMac(text);
  } catch (thrown) {
    const error = toForwarderError(thrown);
    throw new ForwarderError(error.kind, `ethernet context, src_mac: ${error.message}`, { cause: error });
  }
}

function readVlan(tag: number): number | undefined {
  if (tag === 0) return undefined;
  if (tag > 0 && tag <= highestVlan) return tag;
  throw new ForwarderError(
    'invalid',
    `ethernet context, vlan_tag: ${tag} is not a VLAN: expected 0 (none) to ${highestVlan}`,
  );
}

function readMtu(mtu: number): number | undefined {
  if (mtu === 0) return undefined;
  if (mtu >= smallestMtu) return mtu;
  throw new ForwarderError(
    'invalid',
    `context, MTU: ${mtu} is too small: expected 0 (unchanged) or at least ${smallestMtu}`,
  );
}
