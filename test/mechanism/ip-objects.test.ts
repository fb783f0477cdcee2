import { expect } from 'chai';
import fc from 'fast-check';
import { ipDifference } from '../../src/mechanism/kernel/ip-difference.js';
import { ipObjects, objectKey, policyTables } from '../../src/mechanism/kernel/ip-objects.js';
import type { PlannedPolicy } from '../../src/mechanism/kernel/netdev-plan.js';
import { parseMac } from '../../src/ports/ip.js';
import type { IpObject, IpRule } from '../../src/ports/links.js';

const policy = (from: string): PlannedPolicy => ({ family: 4, from, routes: [{ destination: '0.0.0.0/0' }] });
const rule = (from: string, table: number): IpRule => ({
  kind: 'rule',
  family: 4,
  priority: 20_000 + table,
  table,
  from,
});

describe('policyTables', () => {
  it('gives each policy the lowest table that nothing uses, never one of the kernel', () => {
    const used = new Set(Array.from({ length: 251 }, (_, i) => i + 1).filter((table) => table !== 3));
    expect(policyTables([policy('10.0.0.1/32'), policy('10.0.0.2/32')], [], used)).to.deep.equal([3, 256]);
  });

  it('keeps the table that a policy has, in whatever order policies come', () => {
    const present = [rule('10.0.0.1/32', 7), rule('10.0.0.2/32', 9)];
    const policies = ['10.0.0.2/32', '10.0.0.3/32', '10.0.0.1/32'].map(policy);
    expect(policyTables(policies, present, new Set([7, 9]))).to.deep.equal([9, 1, 7]);
  });

  it('gives two equal policies two tables', () => {
    const policies = [policy('10.0.0.1/32'), policy('10.0.0.1/32')];
    expect(policyTables(policies, [rule('10.0.0.1/32', 7)], new Set([7]))).to.deep.equal([7, 1]);
  });

  it('never gives one table twice, and changes nothing on a refresh with the same policies', () => {
    const sources = fc.uniqueArray(
      fc.nat(40).map((n) => `10.0.0.${n}/32`),
      { maxLength: 12 },
    );
    const taken = fc.uniqueArray(fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(sources, taken, (from, used) => {
        const policies = from.map(policy);
        const tables = policyTables(policies, [], new Set(used));
        expect(new Set(tables).size).to.equal(tables.length);
        expect(tables.filter((table) => used.includes(table))).to.deep.equal([]);
        const rules = from.map((it, i) => rule(it, tables[i] ?? 0));
        expect(policyTables(policies, rules, new Set([...used, ...tables]))).to.deep.equal(tables);
      }),
    );
  });
});

describe('ipObjects', () => {
  it('puts link routes before those with a gateway, and a rule after the routes of its table', () => {
    const routes = [{ destination: '10.1.0.0/16', gateway: '10.0.0.2' }, { destination: '10.0.0.2/32' }];
    const objects = ipObjects(
      { addresses: ['10.0.0.1/32'], routes, neighbours: [], policies: [{ family: 4, routes }] },
      5,
      [7],
    );
    const words = objects.map((it) => (it.kind === 'route' ? `${it.destination} ${it.table}` : it.kind));
    expect(words).to.deep.equal([
      'address',
      '10.0.0.2/32 254',
      '10.1.0.0/16 254',
      '10.0.0.2/32 7',
      '10.1.0.0/16 7',
      'rule',
    ]);
  });
});

describe('ipDifference', () => {
  const index = 3;
  const table = 254;
  const address = (cidr: string): IpObject => ({ kind: 'address', index, cidr });
  const route = (destination: string, gateway?: string): IpObject => ({
    kind: 'route',
    index,
    table,
    destination,
    ...(gateway !== undefined && { gateway }),
  });
  const neighbour = (mac: string): IpObject => ({ kind: 'neighbour', index, ip: '10.0.0.2', mac: parseMac(mac) });

  const rows: readonly {
    title: string;
    present: IpObject[];
    wanted: IpObject[];
    change: [IpObject[], IpObject[], IpObject[]];
  }[] = [
    {
      title: 'equal: nothing',
      present: [address('10.0.0.1/32')],
      wanted: [address('10.0.0.1/32')],
      change: [[], [], []],
    },
    {
      title: 'another address: added before the old one goes',
      present: [address('10.0.0.1/32')],
      wanted: [address('10.0.0.9/32')],
      change: [[], [address('10.0.0.9/32')], [address('10.0.0.1/32')]],
    },
    {
      title: 'B27: a route through another gateway: the old one is in its way',
      present: [route('10.9.0.0/16', '10.0.0.2')],
      wanted: [route('10.9.0.0/16', '10.0.0.3')],
      change: [[route('10.9.0.0/16', '10.0.0.2')], [route('10.9.0.0/16', '10.0.0.3')], []],
    },
    {
      title: 'a neighbour with another MAC: the kernel removes by address, so the old one goes first',
      present: [neighbour('02:00:00:00:00:01')],
      wanted: [neighbour('02:00:00:00:00:02')],
      change: [[neighbour('02:00:00:00:00:01')], [neighbour('02:00:00:00:00:02')], []],
    },
    {
      title: 'an IPv6 address with another prefix length is in the way of itself, an IPv4 address is not',
      present: [address('fd00::1/64'), address('10.0.0.1/24')],
      wanted: [address('fd00::1/128'), address('10.0.0.1/32')],
      change: [[address('fd00::1/64')], [address('fd00::1/128'), address('10.0.0.1/32')], [address('10.0.0.1/24')]],
    },
    {
      title: 'the last IPv4 address takes the IPv4 routes with it, so they are given back after it',
      present: [route('10.0.0.2/32'), address('10.0.0.1/32'), address('fd00::1/128')],
      wanted: [address('fd00::1/128'), route('10.0.0.2/32')],
      change: [[route('10.0.0.2/32'), address('10.0.0.1/32')], [route('10.0.0.2/32')], []],
    },
  ];
  for (const { title, present, wanted, change } of rows) {
    it(title, () => {
      const { clear, add, remove } = ipDifference(present, wanted);
      expect([clear, add, remove]).to.deep.equal(change);
    });
  }

  it('whatever is there: clearing, adding and removing leads to what is wanted', () => {
    const object = fc.oneof(
      fc.constantFrom('10.0.0.1/32', '10.0.0.2/32', 'fd00::1/128', 'fd00::2/128').map(address),
      fc
        .tuple(fc.constantFrom('10.9.0.0/16', '10.8.0.0/16'), fc.constantFrom('10.0.0.2', '10.0.0.3', undefined))
        .map(([destination, gateway]) => route(destination, gateway)),
      fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02').map(neighbour),
    );
    const objects = fc.uniqueArray(object, { selector: objectKey });
    fc.assert(
      fc.property(objects, objects, (present, wanted) => {
        const { clear, add, remove } = ipDifference(present, wanted);
        const gone = new Set([...clear, ...remove].map(objectKey));
        const result = [...present.filter((it) => !gone.has(objectKey(it))), ...add];
        expect(result.map(objectKey).sort()).to.deep.equal(wanted.map(objectKey).sort());
      }),
    );
  });
});
