import { ForwarderError } from '../../src/ports/error.js';
import { isUnicastMac } from '../../src/ports/ip.js';
import type { Mac, VfSettings } from '../../src/ports/links.js';
import { setMac } from './netdev-changes.js';
import { noMac, type SimPf, type SimVf } from './pci-function.js';

type Change = Partial<VfSettings>;

/** @throws ForwarderError `not-found` */
export function requireVf(pf: SimPf, n: number): SimVf {
  const vf = pf.vfs[n];
  if (vf === undefined) throw new ForwarderError('not-found', `${pf.address} has ${pf.vfs.length} VFs: no VF ${n}`);
  return vf;
}

/** A VF's settings as its PF tells them. */
export function shownVfSettings(vf: SimVf): VfSettings {
  const { settings, netdev } = vf;
  const own = settings.mac === noMac && vf.pf.quirks.showsVfMac ? netdev?.mac : undefined;
  return own === undefined ? settings : { ...settings, mac: own };
}

/**
 * Numbers that no VF can have, and settings that go only in pairs.
 *
 * @throws ForwarderError `invalid`, before the kernel is asked
 */
export function checkVfChange(change: Change): void {
  const { vlan, qos, vlanProtocol, minTxRate, maxTxRate } = change;
  if (vlan === undefined && (qos !== undefined || vlanProtocol !== undefined)) {
    throw new ForwarderError('invalid', 'qos and vlanProtocol need a vlan beside them');
  }
  if ((minTxRate === undefined) !== (maxTxRate === undefined)) {
    throw new ForwarderError('invalid', 'minTxRate and maxTxRate are one setting, one is missing');
  }
  const ranges = { vlan: 4094, qos: 7, minTxRate: 0xffff_ffff, maxTxRate: 0xffff_ffff } as const;
  for (const [name, last] of Object.entries(ranges)) {
    const value = change[name as keyof typeof ranges] ?? 0;
    if (Number.isInteger(value) && value >= 0 && value <= last) continue;
    throw new ForwarderError('invalid', `${name} ${value} is not a whole number from 0 to ${last}`);
  }
}

/**
 * Applies settings one after the other in the kernel's order (do_setvfinfo); it stops at one that the driver refuses,
 * and those before have happened.
 *
 * @throws ForwarderError `unsupported`, `invalid`
 */
export function changeVf(vf: SimVf, change: Change): void {
  const { mac, vlan, minTxRate, spoofCheck, linkState, trust } = change;
  if (mac !== undefined) setAdminMac(vf, mac);
  if (vlan !== undefined) setVlan(vf, { vlan, qos: change.qos ?? 0, vlanProtocol: change.vlanProtocol ?? '802.1q' });
  if (minTxRate !== undefined) setRates(vf, { minTxRate, maxTxRate: change.maxTxRate ?? 0 });
  if (spoofCheck !== undefined) set(vf, { spoofCheck });
  if (linkState !== undefined) set(vf, { linkState });
  if (trust !== undefined) set(vf, { trust });
}

function setAdminMac(vf: SimVf, mac: Mac): void {
  if (mac !== noMac && !isUnicastMac(mac)) {
    throw new ForwarderError('invalid', `${mac} cannot be the MAC of VF ${vf.address}: not a unicast address`);
  }
  set(vf, { mac });
  if (vf.pf.quirks.adminMac === 'at-once' && mac !== noMac && vf.netdev !== undefined) setMac(vf.netdev, mac);
}

/** Only another protocol than the usual one is a setting of its own to the driver. */
function setVlan(vf: SimVf, { vlanProtocol, ...tag }: Pick<VfSettings, 'vlan' | 'qos' | 'vlanProtocol'>): void {
  if (vlanProtocol !== '802.1q') requireKnown(vf, { vlanProtocol });
  requireKnown(vf, tag);
  vf.settings = { ...vf.settings, ...tag, vlanProtocol };
}

function setRates(vf: SimVf, rates: Pick<VfSettings, 'minTxRate' | 'maxTxRate'>): void {
  if (rates.minTxRate !== 0 && !vf.pf.quirks.minTxRates) {
    throw new ForwarderError('invalid', `${vf.pf.driver} takes no minTxRate but 0, not ${rates.minTxRate}`);
  }
  set(vf, rates);
}

function set(vf: SimVf, part: Change): void {
  requireKnown(vf, part);
  vf.settings = { ...vf.settings, ...part };
}

function requireKnown(vf: SimVf, part: Change): void {
  const unknown = vf.pf.quirks.unsupported.find((name) => name in part);
  if (unknown === undefined) return;
  throw new ForwarderError('unsupported', `${vf.pf.driver} does not know ${unknown} of VF ${vf.address}`);
}
