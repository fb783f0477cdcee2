import { expect } from 'chai';
import type { Entry, EntryId } from '../../src/ledger/entry.js';
import { HeldNamespaces } from '../../src/mechanism/held-namespaces.js';
import { identityOf, netdevArgs } from '../../src/mechanism/kernel/netdev-identity.js';
import { reachNamespace, regainNamespace, rememberNamespaces } from '../../src/mechanism/kernel/reach-namespace.js';
import type { World } from '../../src/mechanism/kernel/world.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { SimClock } from '../sim/clock.js';
import { SimNode } from '../sim/node.js';

const vf = parsePciAddress('0000:01:10.0');
const never = new AbortController().signal;

/** A process that has just started on a node whose VF a former one has moved to a client. */
async function started(options: { clientsSeen?: boolean; simulatedVfs?: boolean } = {}) {
  const node = new SimNode({ pfs: [{ address: '0000:01:00.0', name: 'pf0', vfs: 1 }], ...options });
  node.addNamespace('/sim/ns/a');
  const { home } = node.namespaces;
  const link = await home.links.find({ name: 'eth0' }, never);
  if (link === undefined) throw new Error('the VF has no netdev');
  const netdev = netdevArgs(identityOf(vf, link, { names: ['nsm-1'] }));
  using away = node.namespaces.open('/sim/ns/a');
  await home.links.move(link.index, away, 'nsm-1', never);
  const entryOf = (connection: string): Entry => {
    const args = { namespace: away.id, ...netdev };
    return { id: 1 as EntryId, connection, kind: 'netdev-moved', args, function: vf, state: 'done' };
  };
  node.crash();
  const world: World = {
    pci: node.bus,
    namespaces: node.namespaces,
    held: new HeldNamespaces(),
    clock: new SimClock(),
    resetVfs: true,
  };
  return { node, world, entryOf, id: away.id };
}

describe('the namespace of a step that a former process has taken', () => {
  for (const simulatedVfs of [false, true]) {
    it(`is found on the node and held from then on (${simulatedVfs ? 'simulated VFs' : 'hardware'})`, async () => {
      const { node, world, entryOf, id } = await started({ simulatedVfs });
      expect((await reachNamespace(world, entryOf('c1'), never))?.id).to.equal(id);
      expect(world.held.isHolder(id, 'c1')).to.equal(true);
      world.held.drop(id, 'c1');
      expect(node.openHandles()).to.equal(0);
    });
  }

  it('is one that another connection has brought, if the netdev is in it', async () => {
    const { world, entryOf, id, node } = await started({ clientsSeen: false });
    world.held.hold(node.namespaces.open('/sim/ns/a'), 'c2');
    expect((await reachNamespace(world, entryOf('c1'), never))?.id).to.equal(id);
    expect(world.held.isHolder(id, 'c1')).to.equal(true);
  });

  it('is not one that only has its number: that may be another one’s by now', async () => {
    const { node, world, entryOf } = await started({ clientsSeen: false });
    node.addNamespace('/sim/ns/b');
    const other = world.held.hold(node.namespaces.open('/sim/ns/b'), 'c2');
    const renumbered = { ...entryOf('c1'), args: { ...entryOf('c1').args, namespace: other.id } };
    expect(await regainNamespace(world, renumbered, never)).to.equal(undefined);
    expect(world.held.isHolder(other.id, 'c1')).to.equal(false);
    expect(node.openHandles()).to.equal(1);
  });

  it('is no matter any more when the netdev has come home', async () => {
    const { node, world, entryOf } = await started();
    node.killNamespace('/sim/ns/a');
    await node.settled();
    expect(await reachNamespace(world, entryOf('c1'), never)).to.equal(undefined);
    expect(node.openHandles()).to.equal(0);
  });

  it('that nothing leads to is said to be out of reach, and what would help', async () => {
    const { node, world, entryOf, id } = await started({ clientsSeen: false });
    const error = await reachNamespace(world, entryOf('c1'), never).catch((thrown: unknown) => thrown);
    if (!(error instanceof ForwarderError)) throw new Error('it was reached');
    expect(error.kind).to.equal('unavailable');
    expect(error.message).to.include(id).and.include('comes home when its pod ends');
    expect(node.openHandles()).to.equal(0);
  });

  it('is known with its settings before anything is undone', async () => {
    const { world, entryOf, id } = await started();
    const held = { ...entryOf('c1'), kind: 'namespace-held' };
    const args = { namespace: id, path: 'a/b', value: '2', former: '1' };
    rememberNamespaces(world, [held, { ...held, kind: 'namespace-setting', args }]);
    expect(world.held.holders(id)).to.equal(1);
    expect(world.held.settingBefore(id, { path: 'a/b', now: '2' })).to.equal('1');
  });
});
