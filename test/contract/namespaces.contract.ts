import { expect } from 'chai';
import type { NamespaceId, NetNamespace } from '../../src/ports/links.js';
import { skipBecause } from '../skip-because.js';
import type { NetworkHarness, NetworkSuite } from './network-harness.js';
import { failure, failureOf, inTime, linkNamed } from './network-harness.js';

/** What every implementation of `Namespaces` does. */
export function describeNamespacesContract(suite: NetworkSuite): void {
  describe(`namespaces of ${suite.name}`, () => {
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

    describe('opening a namespace', () => {
      it('names it by device and inode, the same for every path and every time', async () => {
        const path = await harness.freshNamespace();
        using first = harness.namespaces.open(path);
        using second = harness.namespaces.open(path);
        using other = await client();
        expect(first.id).to.match(/^\d+\/\d+$/);
        expect(second.id).to.equal(first.id);
        expect(other.id).to.not.equal(first.id);
        expect(home.id).to.not.equal(first.id);
      });

      it('B16: refuses a path that leads nowhere, at once', async () => {
        const error = await failureOf('not-found', () => harness.namespaces.open('/nowhere/netns'));
        expect(error.message).to.include('/nowhere/netns');
      });

      it('refuses the home namespace, in words', async () => {
        const error = await failureOf('invalid', () => harness.namespaces.open('/proc/self/ns/net'));
        expect(error.message).to.include("host's own network namespace");
      });

      it('is independent of other openings of the same namespace', async () => {
        const path = await harness.freshNamespace();
        using kept = harness.namespaces.open(path);
        harness.namespaces.open(path)[Symbol.dispose]();
        expect((await linkNamed(kept, 'lo')).name).to.equal('lo');
      });

      it('B15: refuses every use after it is closed', async () => {
        await harness.makeVfLink('vf0');
        const { index } = await linkNamed(home, 'vf0');
        const closed = await client();
        closed[Symbol.dispose]();
        closed[Symbol.dispose]();
        await failure('refused', closed.links.find({ name: 'lo' }, inTime()));
        await failure('refused', home.links.move(index, closed, 'nsm-1', inTime()));
        await failureOf('refused', () => closed.addressing.readSetting('ipv4/ip_forward'));
        expect((await linkNamed(home, 'vf0')).index).to.equal(index);
      });
    });

    describe('looking for a namespace by its id', () => {
      it('leads to a namespace that a client is in, open on its own', async () => {
        const { path } = await harness.startClient();
        const known = harness.namespaces.open(path);
        using found = await harness.namespaces.locate(known.id, inTime());
        known[Symbol.dispose]();
        expect(found?.id).to.equal(known.id);
        expect((await found?.links.find({ name: 'lo' }, inTime()))?.index).to.equal(1);
      });

      it('leads nowhere when the client has gone, also while we hold its namespace', async () => {
        const client = await harness.startClient();
        using held = harness.namespaces.open(client.path);
        await client.end();
        expect(await harness.namespaces.locate(held.id, inTime())).to.equal(undefined);
      });

      it('gives nothing for an id that nothing has', async () => {
        for (const id of ['4/1', '0/0', 'no id'] as NamespaceId[]) {
          expect(await harness.namespaces.locate(id, inTime())).to.equal(undefined);
        }
      });

      it('never gives the home namespace: no client lives there', async () => {
        expect(await harness.namespaces.locate(home.id, inTime())).to.equal(undefined);
      });

      it('gives a caller who left the reason', async () => {
        const { path } = await harness.startClient();
        using known = harness.namespaces.open(path);
        await failure('cancelled', harness.namespaces.locate(known.id, AbortSignal.abort()));
      });
    });
  });
}
