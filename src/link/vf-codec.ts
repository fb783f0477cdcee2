import { getU16be, getU32, putU16be, putU32 } from 'netlink/dist/structs.js';
import { ForwarderError } from '../ports/error.js';
import { macBytes, macFromBytes } from '../ports/ip.js';
import type { VfSettings } from '../ports/links.js';
import { Attributes, all, attribute, nest, u32, u32s } from './attributes.js';
import type { Request } from './exchange.js';
import { linkHeader } from './link-codec.js';
import { IFLA, IFLA_VF, RTEXT_FILTER, RTM } from './rtnetlink.js';

const linkStates = ['auto', 'enable', 'disable'] as const;
/** Ethertypes, in network order on the wire. */
const vlanProtocols = { '802.1q': 0x8100, '802.1ad': 0x88a8 } as const;

/** The body of RTM_GETLINK for a PF with its VFs; their counters stay out, or many VFs would not fit a reply. */
export function vfQuestion(pfIndex: number): Buffer {
  return Buffer.concat([linkHeader(pfIndex), u32(IFLA.EXT_MASK, RTEXT_FILTER.VF | RTEXT_FILTER.SKIP_STATS)]);
}

/**
 * Reads one VF's settings out of RTM_NEWLINK. What a driver does not report has the kernel's default.
 *
 * @throws ForwarderError `unsupported` (not a PF, or its driver tells nothing), `not-found` (no such VF)
 */
export function decodeVf(body: Buffer, vf: number): VfSettings {
  const link = new Attributes(body.subarray(16));
  const count = link.u32(IFLA.NUM_VF);
  const list = link.bytes(IFLA.VFINFO_LIST);
  const name = link.text(IFLA.IFNAME);
  // Every PCI device has a number of VFs, also one that can have none.
  if (!count) throw new ForwarderError('unsupported', `link ${name} is not a physical function, or has no VFs`);
  if (vf >= count) throw new ForwarderError('not-found', `link ${name} has ${count} VFs: no VF ${vf}`);
  const info = all(IFLA_VF.INFO, list)
    .map((data) => new Attributes(data))
    .find((candidate) => field(candidate, IFLA_VF.MAC, 0) === vf);
  if (info === undefined)
    throw new ForwarderError('unsupported', `the driver of link ${name} tells nothing about VF ${vf}`);
  return settingsOf(info);
}

/**
 * RTM_SETLINK on the PF with exactly what is present: MAC, VLAN, rates, spoof check, link state, trust in one message,
 * applied by the kernel one after the other. `qos` and `vlanProtocol` are part of the VLAN, and the two rates one
 * setting: neither goes alone.
 *
 * @throws ForwarderError `invalid`: some drivers take numbers that no VLAN has
 */
export function changeVfRequest(pfIndex: number, vf: number, change: Partial<VfSettings>): Request {
  const { spoofCheck, trust, linkState } = change;
  const info = [
    ...(change.mac === undefined ? [] : [adminMac(vf, macBytes(change.mac))]),
    ...vlanAttributes(vf, change),
    ...rateAttributes(vf, change),
    ...(spoofCheck === undefined ? [] : [u32s(IFLA_VF.SPOOFCHK, vf, Number(spoofCheck))]),
    ...(linkState === undefined ? [] : [u32s(IFLA_VF.LINK_STATE, vf, linkStates.indexOf(linkState))]),
    ...(trust === undefined ? [] : [u32s(IFLA_VF.TRUST, vf, Number(trust))]),
  ];
  const list = nest(IFLA.VFINFO_LIST, nest(IFLA_VF.INFO, ...info));
  return { type: RTM.SETLINK, flags: 0, body: Buffer.concat([linkHeader(pfIndex), list]) };
}

/** The n-th 32-bit field of a structure attribute. */
function field(info: Attributes, type: number, position: number): number | undefined {
  const data = info.bytes(type)?.subarray(position * 4, position * 4 + 4);
  return data?.length === 4 ? getU32(data) : undefined;
}

function settingsOf(info: Attributes): VfSettings {
  const [tag] = all(IFLA_VF.VLAN_INFO, info.bytes(IFLA_VF.VLAN_LIST));
  const ethertype = tag === undefined ? vlanProtocols['802.1q'] : getU16be(tag.subarray(12, 14));
  return {
    mac: macFromBytes((info.bytes(IFLA_VF.MAC) ?? Buffer.alloc(10)).subarray(4, 10)),
    vlan: field(info, IFLA_VF.VLAN, 1) ?? 0,
    qos: field(info, IFLA_VF.VLAN, 2) ?? 0,
    vlanProtocol: ethertype === vlanProtocols['802.1ad'] ? '802.1ad' : '802.1q',
    spoofCheck: isOn(field(info, IFLA_VF.SPOOFCHK, 1)),
    trust: isOn(field(info, IFLA_VF.TRUST, 1)),
    linkState: linkStates[field(info, IFLA_VF.LINK_STATE, 1) ?? 0] ?? 'auto',
    minTxRate: field(info, IFLA_VF.RATE, 1) ?? 0,
    maxTxRate: field(info, IFLA_VF.RATE, 2) ?? 0,
  };
}

/** All ones means that the driver has no such setting. */
function isOn(setting: number | undefined): boolean {
  return setting === 1;
}

/** struct ifla_vf_mac has room for 32 bytes. */
function adminMac(vf: number, mac: Uint8Array): Buffer {
  return attribute(IFLA_VF.MAC, Buffer.concat([putU32(vf), mac, Buffer.alloc(32 - mac.length)]));
}

function vlanAttributes(vf: number, change: Partial<VfSettings>): readonly Buffer[] {
  const { vlan, qos = 0, vlanProtocol = '802.1q' } = change;
  if (vlan === undefined) {
    if (change.qos === undefined && change.vlanProtocol === undefined) return [];
    throw new ForwarderError('invalid', `VF ${vf}: qos and vlanProtocol need a vlan beside them`);
  }
  requireRange(`VLAN of VF ${vf}`, vlan, 4094);
  requireRange(`VLAN priority (qos) of VF ${vf}`, qos, 7);
  if (vlanProtocol === '802.1q') return [u32s(IFLA_VF.VLAN, vf, vlan, qos)];
  const tag = [putU32(vf), putU32(vlan), putU32(qos), putU16be(vlanProtocols[vlanProtocol]), Buffer.alloc(2)];
  return [nest(IFLA_VF.VLAN_LIST, attribute(IFLA_VF.VLAN_INFO, Buffer.concat(tag)))];
}

function rateAttributes(vf: number, change: Partial<VfSettings>): readonly Buffer[] {
  const { minTxRate, maxTxRate } = change;
  if (minTxRate === undefined && maxTxRate === undefined) return [];
  if (minTxRate === undefined || maxTxRate === undefined) {
    throw new ForwarderError('invalid', `VF ${vf}: minTxRate and maxTxRate are one setting, one is missing`);
  }
  requireRange(`minTxRate of VF ${vf}`, minTxRate, 0xffff_ffff);
  requireRange(`maxTxRate of VF ${vf}`, maxTxRate, 0xffff_ffff);
  return [u32s(IFLA_VF.RATE, vf, minTxRate, maxTxRate)];
}

function requireRange(what: string, value: number, last: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= last) return;
  throw new ForwarderError('invalid', `${what}: ${value} is not a whole number from 0 to ${last}`);
}
