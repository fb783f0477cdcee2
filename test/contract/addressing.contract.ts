import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import type { IpObject, IpRule, NetNamespace } from '../../src/ports/links.js';
import { skipBecause } from '../skip-because.js';
import type { NetworkHarness, NetworkSuite } from './network-harness.js';
import { failure, failureOf, inTime, linkNamed } from './network-harness.js';

/** What every implementation of `Addressing` does. */
export function describeAddressingContract(suite: NetworkSuite): void {
  describe(`addressing of ${suite.name}`, () => {
    let harness: NetworkHarness;
    let client: NetNamespace;
    const opened: NetNamespace[] = [];
    /** A link in the client's namespace, up. */
    let index: number;

    before(function () {
      if (suite.skip !== undefined) skipBecause(this, suite.skip);
    });
    beforeEach(async () => {
      harness = await suite.create();
      const { home } = harness.namespaces;
      await harness.makeVfLink('vf0');
      client = harness.namespaces.open(await harness.freshNamespace());
      opened.push(client);
      await home.links.move((await linkNamed(home, 'vf0')).index, client, 'nsm-1', inTime());
      ({ index } = await linkNamed(client, 'nsm-1'));
      await client.links.change(index, { up: true }, inTime());
      // As in every pod; without any local address at all the kernel takes no gateway for valid.
      await client.links.change((await linkNamed(client, 'lo')).index, { up: true }, inTime());
    });
    afterEach(async () => {
      for (const namespace of opened.splice(0)) namespace[Symbol.dispose]();
      await harness[Symbol.asyncDispose]();
    });

    const add = (...objects: readonly IpObject[]) => client.addressing.add(objects, inTime());
    const remove = (...objects: readonly IpObject[]) => client.addressing.remove(objects, inTime());
    const list = <K extends IpObject['kind']>(kind: K, of: number | undefined = index) =>
      client.addressing.list(kind, of, inTime());

    const address = (cidr: string) => ({ kind: 'address', index, cidr }) as const;
    const route = (destination: string, gateway?: string, table = 254) =>
      ({ kind: 'route', index, destination, ...(gateway === undefined ? {} : { gateway }), table }) as const;
    const neighbour = (ip: string, mac = '02:00:00:00:00:02') =>
      ({ kind: 'neighbour', index, ip, mac: parseMac(mac) }) as const;
    const rule = (more: Partial<IpRule> = {}): IpRule => ({
      kind: 'rule',
      family: 4,
      priority: 100,
      table: 5,
      ...more,
    });

    /** Adds, adds again, finds, removes, removes again: what holds for every kind. */
    const comesAndGoes = async (...objects: readonly IpObject[]) => {
      const kind = objects[0]?.kind ?? 'address';
      const before = await list(kind);
      await add(...objects);
      await add(...objects);
      expect(await list(kind)).to.have.deep.members([...before, ...objects]);
      expect(await list(kind, undefined)).to.include.deep.members([...objects]);
      await remove(...objects);
      await remove(...objects);
      expect(await list(kind)).to.deep.equal(before);
    };

    describe('addresses', () => {
      it('come and go, those of IPv6 as well', () =>
        comesAndGoes(
          address('10.0.0.1/24'),
          address('10.0.0.2/24'),
          address('10.1.0.1/32'),
          address('2001:db8::1/128'),
        ));

      it('are shown in one form', async () => {
        await add(address('2001:DB8:0::1/64'));
        expect(await list('address')).to.deep.equal([address('2001:db8::1/64')]);
        await add(address('2001:db8::1/64'));
        await remove(address('2001:DB8::0:1/64'));
        expect(await list('address')).to.deep.equal([]);
      });

      it('of one subnet go one by one', async () => {
        await add(address('10.0.0.1/24'), address('10.0.0.2/24'));
        await remove(address('10.0.0.1/24'));
        expect(await list('address')).to.deep.equal([address('10.0.0.2/24')]);
      });

      it('need IPv6 on the link, and switch it on', async () => {
        client.addressing.writeSetting('ipv6/conf/nsm-1/disable_ipv6', '1');
        await add(address('2001:db8::1/128'));
        expect(await list('address')).to.deep.equal([address('2001:db8::1/128')]);
      });

      it('belong to a link that is there', async () => {
        const error = await failure('not-found', add({ kind: 'address', index: 999_999, cidr: '10.0.0.1/32' }));
        expect(error.message).to.include('10.0.0.1/32').and.include('999999');
        await remove({ kind: 'address', index: 999_999, cidr: '10.0.0.1/32' });
      });
    });

    describe('routes', () => {
      it('come and go, with and without a gateway', () =>
        comesAndGoes(
          route('10.9.0.0/24'),
          route('10.8.0.0/16', '192.0.2.1'),
          route('0.0.0.0/0', '192.0.2.1'),
          route('2001:db8:1::/48'),
          route('2001:db8:2::/48', '2001:db8:ffff::1'),
          route('::/0', '2001:db8:ffff::1'),
        ));

      it('live in any table', () =>
        comesAndGoes(route('10.9.0.0/24', undefined, 7), route('0.0.0.0/0', undefined, 70_000)));

      it('of others are neither shown nor taken away nor replaced', async () => {
        await add(address('10.0.0.1/24'));
        expect(await list('route')).to.deep.equal([]);
        await add(route('0.0.0.0/0', '10.0.0.254'));
        const error = await failure('exists', add(route('0.0.0.0/0', '10.0.0.253')));
        expect(error.message).to.include('0.0.0.0/0');
        expect(await list('route')).to.deep.equal([route('0.0.0.0/0', '10.0.0.254')]);
      });

      it('need a link that is up', async () => {
        await client.links.change(index, { up: false }, inTime());
        await failure('refused', add(route('10.9.0.0/24')));
      });
    });

    describe('neighbours', () => {
      it('B29: come to stay, and go', () => comesAndGoes(neighbour('10.0.0.2'), neighbour('2001:db8::2')));

      it('take the newer MAC', async () => {
        await add(neighbour('10.0.0.2'));
        await add(neighbour('10.0.0.2', '02:00:00:00:00:03'));
        expect(await list('neighbour')).to.deep.equal([neighbour('10.0.0.2', '02:00:00:00:00:03')]);
      });
    });

    describe('rules', () => {
      it('come and go, with every selector', () =>
        comesAndGoes(
          rule({ priority: 90 }),
          rule({ from: '172.16.0.0/24', protocol: 6, sourcePort: { first: 1, last: 9 } }),
          rule({ priority: 101, table: 70_000, destinationPort: { first: 80, last: 80 } }),
          rule({ family: 6, from: '2001:db8::/32', protocol: 17 }),
        ));

      it('B27: go alone, also when a more specific one stands before', async () => {
        const specific = rule({ from: '10.0.0.0/8', protocol: 6, destinationPort: { first: 80, last: 90 } });
        const others = [rule({ table: 6, from: '10.0.0.0/8' }), rule({ priority: 99, from: '10.0.0.0/8' })];
        const wanted = rule({ from: '10.0.0.0/8' });
        await add(specific, ...others, wanted);
        await remove(wanted);
        expect(await list('rule')).to.have.deep.members([specific, ...others]);
        await remove(wanted);
        expect(await list('rule')).to.have.deep.members([specific, ...others]);
      });

      it('of others stay out of sight', async () => {
        expect(await list('rule')).to.deep.equal([]);
      });
    });

    it('names the tables in use, those of others too', async () => {
      const before = await client.addressing.usedTables(inTime());
      expect([...before]).to.include.members([254, 255]);
      await add(route('10.9.0.0/24', undefined, 7), rule({ table: 70_000 }));
      const used = await client.addressing.usedTables(inTime());
      expect([...used]).to.have.members([...before, 7, 70_000]);
    });

    it('adds objects of all kinds in order', async () => {
      await add(
        address('10.0.0.1/24'),
        neighbour('10.0.0.2'),
        route('10.9.0.0/24', '10.0.0.2'),
        route('0.0.0.0/0', '10.0.0.2', 5),
        rule({ from: '10.0.0.1/32' }),
      );
      expect(await list('route')).to.have.lengthOf(2);
      expect(await list('rule')).to.have.lengthOf(1);
    });

    it('stops at the first failure and says which', async () => {
      const [first, last] = [address('10.0.0.1/24'), address('10.0.0.9/24')];
      await add(route('10.7.0.0/24', '10.0.0.254'));
      const inTheWay = route('10.7.0.0/24', '10.0.0.253');
      const error = await failure('exists', add(first, inTheWay, last, route('10.6.0.0/24'), rule()));
      expect(error.message).to.include('10.7.0.0/24').and.include('10.0.0.253');
      expect(await list('address')).to.deep.equal([first]);
      expect(await list('route')).to.deep.equal([route('10.7.0.0/24', '10.0.0.254')]);
      expect(await list('rule')).to.deep.equal([]);
    });

    it('refuses what is malformed before it does anything', async () => {
      const malformed: readonly IpObject[] = [
        address('10.0.0.1'),
        address('10.0.0.256/24'),
        address('2001:db8::1/129'),
        route('10.9.0.1/24'),
        route('10.9.0.0/24', '2001:db8::1'),
        route('10.9.0.0/24', undefined, 0),
        neighbour('10.0.0'),
        rule({ from: '10.0.0.1/8' }),
        rule({ from: '2001:db8::/32' }),
        rule({ from: '0.0.0.0/0' }),
        rule({ table: 0 }),
        rule({ protocol: 256 }),
        rule({ destinationPort: { first: 9, last: 1 } }),
      ];
      for (const object of malformed) {
        await failure('invalid', add(address('10.0.0.1/24'), object));
        await failure('invalid', remove(object));
      }
      expect(await list('address')).to.deep.equal([]);
    });

    describe('settings', () => {
      it('are those of the namespace', () => {
        const path = 'ipv4/ping_group_range';
        const ofHome = harness.namespaces.home.addressing.readSetting(path);
        client.addressing.writeSetting(path, '0 2147483647');
        expect(client.addressing.readSetting(path)?.split(/\s+/)).to.deep.equal(['0', '2147483647']);
        expect(harness.namespaces.home.addressing.readSetting(path)).to.equal(ofHome);
      });

      it('that the kernel does not have are undefined, and cannot be written', async () => {
        expect(client.addressing.readSetting('ipv4/conf/none/route_localnet')).to.equal(undefined);
        await failureOf('not-found', () => client.addressing.writeSetting('ipv4/conf/none/route_localnet', '1'));
      });

      it('lie below /proc/sys/net', async () => {
        for (const path of ['', '/ipv4', '../kernel/hostname', 'ipv4/../../kernel/hostname', 'ipv4//ip_forward']) {
          await failureOf('invalid', () => client.addressing.readSetting(path));
        }
      });
    });
  });
}
