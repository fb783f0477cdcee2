import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import type { IpObject, NetNamespace } from '../../src/ports/links.js';
import { failing, linkOf, never } from './expectations.js';
import { SimNode } from './node.js';

describe('what a simulated link takes with it when it changes', () => {
  let home: NetNamespace;
  let index: number;
  let four: readonly IpObject[];
  let six: readonly IpObject[];

  beforeEach(async () => {
    const node = new SimNode();
    node.others.addLink('home', 'vf0');
    home = node.namespaces.home;
    index = (await linkOf(home, 'vf0')).index;
    const mac = parseMac('02:00:00:00:00:02');
    four = [
      { kind: 'address', index, cidr: '10.0.0.1/24' },
      { kind: 'neighbour', index, ip: '10.0.0.2', mac },
      { kind: 'route', index, destination: '10.9.0.0/24', table: 254 },
    ];
    six = [
      { kind: 'address', index, cidr: '2001:db8::1/64' },
      { kind: 'neighbour', index, ip: '2001:db8::2', mac },
      { kind: 'route', index, destination: '2001:db8:9::/48', table: 254 },
    ];
    await home.links.change(index, { up: true }, never);
    await home.addressing.add([...four, ...six], never);
  });

  const left = async () => {
    const kinds = ['address', 'neighbour', 'route'] as const;
    return (await Promise.all(kinds.map((kind) => home.addressing.list<IpObject['kind']>(kind, index, never)))).flat();
  };

  it('down: all routes, neighbours and IPv6 addresses; coming up brings nothing back', async () => {
    await home.links.change(index, { up: false }, never);
    await home.links.change(index, { up: true }, never);
    expect(await left()).to.deep.equal(four.slice(0, 1));
  });

  it('an MTU below 1280: IPv6 altogether, with its settings, and it cannot be had there', async () => {
    home.addressing.writeSetting('ipv6/conf/vf0/optimistic_dad', '1');
    await home.links.change(index, { mtu: 1279 }, never);
    expect(await left()).to.deep.equal(four);
    expect(home.addressing.readSetting('ipv6/conf/vf0/optimistic_dad')).to.equal(undefined);
    for (const object of six) await failing('invalid', home.addressing.add([object], never));
    await home.links.change(index, { mtu: 1280 }, never);
    expect(home.addressing.readSetting('ipv6/conf/vf0/optimistic_dad')).to.equal('0');
    await home.addressing.add(six, never);
  });

  it('another MAC: all neighbours, the permanent ones too', async () => {
    await home.links.change(index, { mac: parseMac('02:00:00:00:00:01') }, never);
    expect((await left()).map(({ kind }) => kind)).to.deep.equal(['address', 'address', 'route', 'route']);
  });

  it('its last IPv4 address: IPv4 routes and neighbours', async () => {
    await home.addressing.remove(four.slice(0, 1), never);
    expect(await left()).to.deep.equal(six);
  });

  it('IPv6 switched off, on it or for all: everything of IPv6, and only addresses switch it on again', async () => {
    for (const scope of ['vf0', 'all']) {
      home.addressing.writeSetting(`ipv6/conf/${scope}/disable_ipv6`, '1');
      expect(await left()).to.deep.equal(four);
      await failing('denied', home.addressing.add(six.slice(2), never));
      await home.addressing.add(six, never);
      expect(home.addressing.readSetting('ipv6/conf/vf0/disable_ipv6')).to.equal('0');
    }
  });

  it('a rename: nothing, its settings go with it', async () => {
    home.addressing.writeSetting('ipv4/conf/vf0/route_localnet', '1');
    await home.links.change(index, { name: 'vf1' }, never);
    expect(home.addressing.readSetting('ipv4/conf/vf1/route_localnet')).to.equal('1');
    expect(await left()).to.have.length(6);
  });

  it('keeps what came before a refusal: changes are applied one after the other', async () => {
    await failing('exists', home.links.change(index, { mtu: 1400, name: 'lo' }, never));
    expect(await linkOf(home, 'vf0')).to.include({ mtu: 1400 });
  });

  it('refuses to be renamed while up on kernels before 6.2', async () => {
    const node = new SimNode({ renameNeedsDown: true });
    node.others.addLink('home', 'vf0');
    const { links } = node.namespaces.home;
    const link = await linkOf(node.namespaces.home, 'vf0');
    await links.change(link.index, { up: true }, never);
    await failing('busy', links.change(link.index, { name: 'vf1' }, never));
    await links.change(link.index, { up: false, name: 'vf1' }, never);
  });
});
