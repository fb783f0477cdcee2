import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import type { NetNamespace } from '../../src/ports/links.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { skipBecause } from '../skip-because.js';
import type { NetworkHarness, NetworkSuite } from './network-harness.js';
import { failure, inTime, linkNamed } from './network-harness.js';

const noPf = 'no physical function here';

/** What every implementation of `Links` does. */
export function describeLinksContract(suite: NetworkSuite): void {
  describe(`links of ${suite.name}`, () => {
    let harness: NetworkHarness;
    let home: NetNamespace;

    before(function () {
      if (suite.skip !== undefined) skipBecause(this, suite.skip);
    });
    beforeEach(async () => {
      harness = await suite.create();
      home = harness.namespaces.home;
    });
    afterEach(async () => harness[Symbol.asyncDispose]());

    const client = async () => harness.namespaces.open(await harness.freshNamespace());

    describe('finding a link', () => {
      it('works by name, index and alternative name', async () => {
        await harness.makeVfLink('vf0');
        const link = await linkNamed(home, 'vf0');
        await harness.addAltName(link.index, 'short');
        await harness.addAltName(link.index, 'a-name-of-more-than-fifteen-bytes');
        const found = await home.links.find({ index: link.index }, inTime());
        expect(found).to.deep.equal({ ...link, altNames: ['short', 'a-name-of-more-than-fifteen-bytes'] });
        for (const name of found?.altNames ?? []) expect(await linkNamed(home, name)).to.deep.equal(found);
      });

      it('shows a new link down, with MTU 1500 and a MAC', async () => {
        await harness.makeVfLink('vf0');
        const link = await linkNamed(home, 'vf0');
        expect(link).to.include({ name: 'vf0', mtu: 1500, up: false });
        expect(parseMac(link.mac)).to.equal(link.mac);
        expect(link.altNames).to.deep.equal([]);
      });

      it('shows a carrier while both ends of its wire are up', async () => {
        const { wire } = await harness.makeVfLink('vf0');
        const { index } = await linkNamed(home, 'vf0');
        const carrier = async () => (await linkNamed(home, 'vf0')).carrier;
        expect(await carrier()).to.equal(undefined);
        await home.links.change(index, { up: true }, inTime());
        if (wire === undefined) return;
        expect(await carrier()).to.equal(undefined);
        const { index: other } = await linkNamed(home, wire);
        await home.links.change(other, { up: true }, inTime());
        expect(await carrier()).to.equal(true);
        await home.links.change(other, { up: false }, inTime());
        expect(await carrier()).to.equal(undefined);
      });

      it('gives nothing for what is not there', async () => {
        const nowhere = parsePciAddress('ffff:ff:1f.7');
        for (const by of [
          { name: 'vf0' },
          { name: '' },
          { name: 'x'.repeat(200) },
          { index: 999_999 },
          { parent: nowhere },
        ]) {
          expect(await home.links.find(by, inTime()), JSON.stringify(by)).to.equal(undefined);
        }
      });

      it('works by the PCI function behind it', async function () {
        const pf = harness.physicalFunction ?? skipBecause(this, noPf);
        expect((await home.links.find({ parent: pf.address }, inTime()))?.parent).to.equal(pf.address);
      });
    });

    describe('changing a link', () => {
      it('sets name, MAC, MTU and state at once and leaves the rest', async () => {
        await harness.makeVfLink('vf0');
        const before = await linkNamed(home, 'vf0');
        const mac = parseMac('02:00:00:00:00:01');
        await home.links.change(before.index, { name: 'nsm-1', mac, mtu: 1400, up: true }, inTime());
        const changed = await linkNamed(home, 'nsm-1');
        expect(changed).to.deep.include({ ...before, name: 'nsm-1', mac, mtu: 1400, up: true });
        await home.links.change(before.index, { name: 'vf0', mtu: 1500, up: false }, inTime());
        expect(await linkNamed(home, 'vf0')).to.deep.equal({ ...before, mac });
        await home.links.change(before.index, {}, inTime());
        expect(await linkNamed(home, 'vf0')).to.deep.equal({ ...before, mac });
      });

      it('B14: says that a link is not there', async () => {
        const error = await failure('not-found', home.links.change(999_999, { up: true }, inTime()));
        expect(error.message).to.include('999999');
        using to = await client();
        await failure('not-found', home.links.move(999_999, to, 'nsm-1', inTime()));
      });

      it('B17: refuses a taken name and leaves its owner alone', async () => {
        await harness.makeVfLink('vf0');
        await harness.makeVfLink('vf1');
        const [mine, other] = [await linkNamed(home, 'vf0'), await linkNamed(home, 'vf1')];
        const error = await failure('exists', home.links.change(mine.index, { name: 'vf1' }, inTime()));
        expect(error.message).to.include('vf1');
        expect(await linkNamed(home, 'vf0')).to.deep.equal(mine);
        expect(await linkNamed(home, 'vf1')).to.deep.equal(other);
      });

      it('refuses names and numbers that no link may have', async () => {
        await harness.makeVfLink('vf0');
        const before = await linkNamed(home, 'vf0');
        for (const name of ['', '.', '..', 'a/b', 'a:b', 'a b', 'a\tb', 'a%d', 'sixteen-bytes-xx']) {
          await failure('invalid', home.links.change(before.index, { name }, inTime()));
        }
        await failure('invalid', home.links.change(before.index, { mtu: 10 }, inTime()));
        await failure('invalid', home.links.change(before.index, { mtu: 1.5 }, inTime()));
        expect(await linkNamed(home, 'vf0')).to.deep.equal(before);
      });

      it('gives and takes alternative names', async () => {
        await harness.makeVfLink('vf0');
        const before = await linkNamed(home, 'vf0');
        const altName = 'a-name-of-more-than-fifteen-bytes';
        await home.links.addAltName(before.index, altName, inTime());
        expect(await linkNamed(home, altName)).to.deep.equal({ ...before, altNames: [altName] });
        await home.links.removeAltName(before.index, altName, inTime());
        expect(await linkNamed(home, 'vf0')).to.deep.equal(before);
      });

      it('gives no alternative name that is taken, and takes none that is not there', async () => {
        await harness.makeVfLink('vf0');
        await harness.makeVfLink('vf1');
        const { index } = await linkNamed(home, 'vf0');
        await harness.addAltName(index, 'other');
        const before = await linkNamed(home, 'vf0');
        for (const taken of ['vf0', 'vf1', 'other']) {
          const error = await failure('exists', home.links.addAltName(index, taken, inTime()));
          expect(error.message).to.include(taken);
        }
        await failure('not-found', home.links.removeAltName(index, 'no-such-name', inTime()));
        await failure('not-found', home.links.addAltName(999_999, 'some-name', inTime()));
        expect(await linkNamed(home, 'vf0')).to.deep.equal(before);
      });
    });

    describe('moving a link', () => {
      it('takes it to the namespace under the new name, down, and back', async () => {
        await harness.makeVfLink('vf0');
        const before = await linkNamed(home, 'vf0');
        await home.links.change(before.index, { up: true, mtu: 1400 }, inTime());
        using to = await client();
        await home.links.move(before.index, to, 'nsm-1', inTime());
        expect(await home.links.find({ name: 'vf0' }, inTime())).to.equal(undefined);
        const there = await linkNamed(to, 'nsm-1');
        expect(there).to.deep.equal({ ...before, index: there.index, name: 'nsm-1', mtu: 1400, up: false });
        await to.links.move(there.index, home, 'vf0', inTime());
        expect(await to.links.find({ name: 'nsm-1' }, inTime())).to.equal(undefined);
        expect(await linkNamed(home, 'vf0')).to.deep.equal({ ...before, mtu: 1400 });
      });

      it('keeps alternative names', async () => {
        await harness.makeVfLink('vf0');
        const { index } = await linkNamed(home, 'vf0');
        await harness.addAltName(index, 'other');
        using to = await client();
        await home.links.move(index, to, 'nsm-1', inTime());
        expect((await linkNamed(to, 'nsm-1')).altNames).to.deep.equal(['other']);
      });

      it('B17: never harms a link that has the name', async () => {
        await harness.makeVfLink('vf0');
        await harness.makeVfLink('vf1');
        using to = await client();
        await home.links.move((await linkNamed(home, 'vf0')).index, to, 'eth0', inTime());
        const resident = await linkNamed(to, 'eth0');
        const { index } = await linkNamed(home, 'vf1');
        await failure('exists', home.links.move(index, to, 'eth0', inTime()));
        expect(await to.links.find({ index: resident.index }, inTime())).to.deep.equal(resident);
      });

      it('drops addresses, routes and neighbours', async () => {
        await harness.makeVfLink('vf0');
        const { index } = await linkNamed(home, 'vf0');
        await home.links.change(index, { up: true }, inTime());
        const ours = { kind: 'address', index, cidr: '10.9.0.1/32' } as const;
        const mac = parseMac('02:00:00:00:00:01');
        const neighbour = { kind: 'neighbour', index, ip: '10.9.0.2', mac } as const;
        const route = { kind: 'route', index, destination: '10.9.0.2/32', table: 254 } as const;
        await home.addressing.add([ours, route, neighbour], inTime());
        using to = await client();
        await home.links.move(index, to, 'nsm-1', inTime());
        await to.links.move((await linkNamed(to, 'nsm-1')).index, home, 'vf0', inTime());
        for (const kind of ['address', 'route', 'neighbour'] as const) {
          expect(await home.addressing.list(kind, undefined, inTime())).to.deep.equal([]);
        }
      });
    });

    it('gives a caller who left before the call the reason, and does nothing', async () => {
      await harness.makeVfLink('vf0');
      const before = await linkNamed(home, 'vf0');
      const left = AbortSignal.abort();
      await failure('cancelled', home.links.change(before.index, { mtu: 1400 }, left));
      await failure('cancelled', home.links.find({ name: 'vf0' }, left));
      expect(await linkNamed(home, 'vf0')).to.deep.equal(before);
    });

    describe('the VFs of a PF', () => {
      it('are unsupported on a link that is no PF', async () => {
        await harness.makeVfLink('vf0');
        const { index } = await linkNamed(home, 'vf0');
        await failure('unsupported', home.links.readVf(index, 0, inTime()));
        await failure('unsupported', home.links.changeVf(index, 0, { vlan: 100 }, inTime()));
      });

      it('refuse numbers that no VLAN has, and half settings', async () => {
        await harness.makeVfLink('vf0');
        const { index } = await linkNamed(home, 'vf0');
        const wrong = [
          { vlan: 4095 },
          { vlan: -1 },
          { vlan: 1.5 },
          { vlan: 1, qos: 8 },
          { qos: 1 },
          { vlanProtocol: '802.1ad' },
          { minTxRate: 1 },
          { maxTxRate: 1 },
          { minTxRate: -1, maxTxRate: 1 },
        ] as const;
        for (const change of wrong) {
          await failure('invalid', home.links.changeVf(index, 0, change, inTime()));
        }
      });

      it('take exactly the settings that are given', async function () {
        const pf = harness.physicalFunction ?? skipBecause(this, noPf);
        const before = await home.links.readVf(pf.index, 1, inTime());
        const other = await home.links.readVf(pf.index, 0, inTime());
        const mac = parseMac('02:00:00:00:00:01');
        await home.links.changeVf(pf.index, 1, { mac, vlan: 100, qos: 3 }, inTime());
        expect(await home.links.readVf(pf.index, 1, inTime())).to.deep.equal({ ...before, mac, vlan: 100, qos: 3 });
        expect(await home.links.readVf(pf.index, 0, inTime())).to.deep.equal(other);
        await home.links.changeVf(pf.index, 1, { mac: before.mac, vlan: 0 }, inTime());
        expect(await home.links.readVf(pf.index, 1, inTime())).to.deep.equal(before);
      });

      it('are counted', async function () {
        const pf = harness.physicalFunction ?? skipBecause(this, noPf);
        await failure('not-found', home.links.readVf(pf.index, pf.vfs, inTime()));
        await failure('not-found', home.links.changeVf(pf.index, pf.vfs, { vlan: 1 }, inTime()));
      });
    });
  });
}
