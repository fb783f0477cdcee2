import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import type { IpObject, NetNamespace } from '../../src/ports/links.js';
import { skipBecause } from '../skip-because.js';
import type { NetworkHarness, NetworkSuite } from './network-harness.js';
import { failure, inTime, linkNamed } from './network-harness.js';

/**
 * What the kernel drops by itself when a link changes. No port promises any of it; whoever configures links has to live
 * with it, so the simulation must do the same as the running kernel.
 */
export function describeLinkStateContract(suite: NetworkSuite): void {
  describe(`what a link of ${suite.name} loses with`, () => {
    let harness: NetworkHarness;
    let home: NetNamespace;
    let index: number;
    let four: readonly IpObject[];
    let six: readonly IpObject[];

    before(function () {
      if (suite.skip !== undefined) skipBecause(this, suite.skip);
    });
    afterEach(async () => harness[Symbol.asyncDispose]());
    beforeEach(async () => {
      harness = await suite.create();
      await harness.makeVfLink('vf0');
      home = harness.namespaces.home;
      index = (await linkNamed(home, 'vf0')).index;
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
      await home.links.change(index, { up: true }, inTime());
      await home.addressing.add([...four, ...six], inTime());
    });

    const left = async () => {
      const kinds = ['address', 'neighbour', 'route'] as const;
      return (
        await Promise.all(kinds.map((kind) => home.addressing.list<IpObject['kind']>(kind, index, inTime())))
      ).flat();
    };

    it('going down: all routes, neighbours and IPv6 addresses; coming up brings nothing back', async () => {
      await home.links.change(index, { up: false }, inTime());
      await home.links.change(index, { up: true }, inTime());
      expect(await left()).to.deep.equal(four.slice(0, 1));
    });

    it('an MTU below 1280: IPv6 altogether, with its settings, and it cannot be had there', async () => {
      home.addressing.writeSetting('ipv6/conf/vf0/optimistic_dad', '1');
      await home.links.change(index, { mtu: 1279 }, inTime());
      expect(await left()).to.deep.equal(four);
      expect(home.addressing.readSetting('ipv6/conf/vf0/optimistic_dad')).to.equal(undefined);
      const kinds = ['invalid', 'invalid', 'not-found'] as const;
      for (const [i, object] of six.entries()) {
        await failure(kinds[i] ?? 'invalid', home.addressing.add([object], inTime()));
      }
      await home.links.change(index, { mtu: 1280 }, inTime());
      expect(home.addressing.readSetting('ipv6/conf/vf0/optimistic_dad')).to.equal('0');
      await home.addressing.add(six, inTime());
    });

    it('another MAC: all neighbours, the permanent ones too', async () => {
      await home.links.change(index, { mac: parseMac('02:00:00:00:00:01') }, inTime());
      expect((await left()).map(({ kind }) => kind)).to.deep.equal(['address', 'address', 'route', 'route']);
    });

    it('its last IPv4 address: IPv4 routes and neighbours', async () => {
      await home.addressing.remove(four.slice(0, 1), inTime());
      expect(await left()).to.deep.equal(six);
    });

    it('IPv6 switched off, on it or for all: everything of IPv6, and only addresses switch it on again', async () => {
      for (const scope of ['vf0', 'all']) {
        home.addressing.writeSetting(`ipv6/conf/${scope}/disable_ipv6`, '1');
        expect(await left()).to.deep.equal(four);
        await failure('denied', home.addressing.add(six.slice(2), inTime()));
        await home.addressing.add(six, inTime());
        expect(home.addressing.readSetting('ipv6/conf/vf0/disable_ipv6')).to.equal('0');
      }
    });

    it('a rename: nothing, its settings go with it', async () => {
      home.addressing.writeSetting('ipv4/conf/vf0/route_localnet', '1');
      await home.links.change(index, { name: 'vf1' }, inTime());
      expect(home.addressing.readSetting('ipv4/conf/vf1/route_localnet')).to.equal('1');
      expect(await left()).to.have.length(6);
    });

    it('a refused change: what was applied before the refusal stays', async () => {
      await failure('exists', home.links.change(index, { mtu: 1400, name: 'lo' }, inTime()));
      expect(await linkNamed(home, 'vf0')).to.include({ mtu: 1400 });
    });
  });
}
