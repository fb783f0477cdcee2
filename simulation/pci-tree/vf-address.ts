import type { PciAddress } from '../../src/ports/pci-address.js';

const offset = 128;
const stride = 2;

/** Where an 82576 has its VF: routing id of the PF + offset + number * stride, so VFs of 01:00.0 are 01:10.0, 01:10.2 … */
export function vfAddressOf(pf: PciAddress, vf: number): string {
  const [domain = '', bus = '', device = '', fn = ''] = pf.split(/[:.]/);
  const rid = (parseInt(bus, 16) << 8) + (parseInt(device, 16) << 3) + parseInt(fn, 16) + offset + vf * stride;
  const hex = (value: number) => value.toString(16).padStart(2, '0');
  return `${domain}:${hex(rid >> 8)}:${hex((rid >> 3) & 0x1f)}.${rid & 7}`;
}
