import { expect } from 'chai';
import { attribute, nest, text, u32, u32s } from '../../src/link/attributes.js';
import { decodeLink, linkHeader } from '../../src/link/link-codec.js';
import { IFLA, IFLA_VF } from '../../src/link/rtnetlink.js';
import { changeVfRequest, decodeVf } from '../../src/link/vf-codec.js';
import { parseMac } from '../../src/ports/ip.js';
import { failureOf } from '../contract/network-harness.js';

const mac = parseMac('02:00:00:00:00:01');

describe('link messages', () => {
  it('show the PCI function behind a link, and only a PCI function', () => {
    const message = (bus: string) =>
      Buffer.concat([
        linkHeader(7),
        text(IFLA.IFNAME, 'vf0'),
        text(IFLA.PARENT_DEV_NAME, '0000:01:10.0'),
        text(IFLA.PARENT_DEV_BUS_NAME, bus),
      ]);
    expect(decodeLink(message('pci')).parent).to.equal('0000:01:10.0');
    expect(decodeLink(message('virtio'))).to.not.have.property('parent');
  });

  it('of links without an Ethernet address have no MAC', () => {
    const message = Buffer.concat([linkHeader(7), text(IFLA.IFNAME, 'ib0'), attribute(IFLA.ADDRESS, Buffer.alloc(20))]);
    expect(decodeLink(message).mac).to.equal('');
  });
});

describe('VF messages', () => {
  const body = (change: Parameters<typeof changeVfRequest>[2]) =>
    Buffer.from(changeVfRequest(3, 5, change).body).subarray(16);
  const inList = (...info: readonly Buffer[]) => nest(IFLA.VFINFO_LIST, nest(IFLA_VF.INFO, ...info));

  it('hold exactly the settings that are given', () => {
    expect(body({ vlan: 100 })).to.deep.equal(inList(u32s(IFLA_VF.VLAN, 5, 100, 0)));
    expect(body({ vlan: 100, qos: 3 })).to.deep.equal(inList(u32s(IFLA_VF.VLAN, 5, 100, 3)));
    expect(body({ trust: false })).to.deep.equal(inList(u32s(IFLA_VF.TRUST, 5, 0)));
    expect(body({ spoofCheck: true, linkState: 'disable' })).to.deep.equal(
      inList(u32s(IFLA_VF.SPOOFCHK, 5, 1), u32s(IFLA_VF.LINK_STATE, 5, 2)),
    );
    expect(body({ minTxRate: 0, maxTxRate: 500 })).to.deep.equal(inList(u32s(IFLA_VF.RATE, 5, 0, 500)));
  });

  it('hold structures of the sizes that the kernel checks', () => {
    const macStructure = Buffer.concat([Buffer.from([5, 0, 0, 0, 2, 0, 0, 0, 0, 1]), Buffer.alloc(26)]);
    expect(body({ mac })).to.deep.equal(inList(attribute(IFLA_VF.MAC, macStructure)));
    const tag = Buffer.from([5, 0, 0, 0, 100, 0, 0, 0, 3, 0, 0, 0, 0x88, 0xa8, 0, 0]);
    expect(body({ vlan: 100, qos: 3, vlanProtocol: '802.1ad' })).to.deep.equal(
      inList(nest(IFLA_VF.VLAN_LIST, attribute(IFLA_VF.VLAN_INFO, tag))),
    );
  });

  const pf = (...infos: readonly Buffer[]) =>
    Buffer.concat([linkHeader(3), text(IFLA.IFNAME, 'eno1'), u32(IFLA.NUM_VF, 8), nest(IFLA.VFINFO_LIST, ...infos)]);
  const vf = (number: number, ...more: readonly Buffer[]) =>
    nest(
      IFLA_VF.INFO,
      attribute(IFLA_VF.MAC, Buffer.concat([Buffer.from([number, 0, 0, 0, 2, 0, 0, 0, 0, 1]), Buffer.alloc(26)])),
      ...more,
    );

  it('show all settings of the VF that is asked for, by its number and not by its place', () => {
    const tag = Buffer.from([5, 0, 0, 0, 100, 0, 0, 0, 3, 0, 0, 0, 0x88, 0xa8, 0, 0]);
    const five = vf(
      5,
      u32s(IFLA_VF.VLAN, 5, 100, 3),
      nest(IFLA_VF.VLAN_LIST, attribute(IFLA_VF.VLAN_INFO, tag)),
      u32s(IFLA_VF.RATE, 5, 10, 500),
      u32s(IFLA_VF.SPOOFCHK, 5, 1),
      u32s(IFLA_VF.LINK_STATE, 5, 1),
      u32s(IFLA_VF.TRUST, 5, 0xffff_ffff),
    );
    expect(decodeVf(pf(vf(6), five), 5)).to.deep.equal({
      mac,
      vlan: 100,
      qos: 3,
      vlanProtocol: '802.1ad',
      spoofCheck: true,
      trust: false,
      linkState: 'enable',
      minTxRate: 10,
      maxTxRate: 500,
    });
  });

  it('of a silent driver or a missing VF are told apart', async () => {
    await failureOf('unsupported', () => decodeVf(pf(vf(6)), 5));
    expect((await failureOf('not-found', () => decodeVf(pf(vf(6)), 8))).message).to.include('eno1 has 8 VFs');
    await failureOf('unsupported', () => decodeVf(Buffer.concat([linkHeader(3), text(IFLA.IFNAME, 'eth0')]), 0));
  });
});
