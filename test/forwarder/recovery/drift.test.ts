import { expect } from 'chai';
import { State } from '../../../apis/generated/connection.js';
import { parsePciAddress } from '../../../src/ports/pci-address.js';
import { inNamespace, oneClient } from '../one-client.js';
import { addClient } from '../simulated-forwarder.js';

const pf = '0000:01:00.0';
const vf = parsePciAddress('0000:01:10.0');
const client = '/sim/ns/client';
const never = new AbortController().signal;

/** Longer than two audits. */
const auditsMs = 25_000;

/** An established connection that is looked at every ten seconds, and what monitors are told of it. */
async function watched() {
  const one = await oneClient({ auditMs: 10_000 });
  const { world, wish } = one;
  const answer = await world.connect(wish);
  const told: string[] = [];
  world.forwarder.events.subscribe(({ type, connection }) =>
    told.push(type === 'delete' ? 'DELETE' : connection.state === State.DOWN ? 'DOWN' : 'UP'),
  );
  const audited = async () => {
    await world.clock.advance(auditsMs);
    await world.node.settled();
    return told.splice(0);
  };
  const refreshed = async () => {
    const again = await world.refresh(answer, wish);
    return { again, told: told.splice(0) };
  };
  return { ...one, answer, audited, refreshed };
}

describe('what others do to a VF while the forwarder runs', () => {
  it('nothing: nobody is told anything', async () => {
    const { audited } = await watched();
    expect(await audited()).to.deep.equal([]);
  });

  const mended: readonly {
    title: string;
    drift: (one: Awaited<ReturnType<typeof watched>>) => Promise<void> | void;
  }[] = [
    {
      title: 'its driver is bound anew',
      drift: async ({ world }) => {
        await world.node.bus.unbind(vf, never);
        await world.node.bus.bind(vf, 'igbvf', never);
      },
    },
    { title: 'its driver is unbound', drift: ({ world }) => world.node.bus.unbind(vf, never) },
    { title: 'another driver takes it', drift: ({ world }) => world.node.bus.bind(vf, 'vfio-pci', never) },
    {
      title: 'its netdev is taken away',
      drift: async ({ world }) => {
        addClient(world, '/sim/ns/other');
        using from = world.node.namespaces.open(client);
        using to = world.node.namespaces.open('/sim/ns/other');
        const link = await from.links.find({ name: 'nsm-1' }, never);
        await from.links.move(link?.index ?? 0, to, 'nsm-1', never);
      },
    },
    {
      title: 'its netdev is renamed',
      drift: ({ world }) => world.node.others.changeLink(client, 'nsm-1', { name: 'x' }),
    },
    {
      title: 'its netdev is taken down',
      drift: ({ world }) => world.node.others.changeLink(client, 'nsm-1', { up: false }),
    },
    {
      title: 'its netdev is re-addressed',
      drift: async ({ world }) => {
        using namespace = world.node.namespaces.open(client);
        const index = (await namespace.links.find({ name: 'nsm-1' }, never))?.index ?? 0;
        await namespace.addressing.remove([{ kind: 'address', index, cidr: '10.0.0.1/32' }], never);
        await namespace.addressing.add([{ kind: 'address', index, cidr: '10.9.9.9/32' }], never);
      },
    },
  ];

  for (const { title, drift } of mended) {
    it(`${title}: monitors see DOWN once, and UP when the client has asked again and has it all back`, async () => {
      const one = await watched();
      const before = inNamespace(one.world);
      await drift(one);
      expect(await one.audited()).to.deep.equal(['DOWN']);
      expect(one.world.forwarder.connections.established().map(({ state }) => state)).to.deep.equal([State.DOWN]);
      const { again, told } = await one.refreshed();
      expect(told).to.deep.equal(['UP']);
      expect(inNamespace(one.world).replace(/02:5a:[0-9a-f:]+/, '')).to.equal(before.replace(/02:5a:[0-9a-f:]+/, ''));
      expect(await one.audited()).to.deep.equal([]);
      await one.world.close(again, one.wish);
      expect(one.world.forwarder.quarantined()).to.deep.equal([]);
      expect(one.world.pool.functions().every(({ use }) => use.kind === 'free')).to.equal(true);
    });
  }

  it('renamed and named back: monitors see DOWN, then UP', async () => {
    const { world, audited } = await watched();
    world.node.others.changeLink(client, 'nsm-1', { name: 'x' });
    expect(await audited()).to.deep.equal(['DOWN']);
    world.node.others.changeLink(client, 'x', { name: 'nsm-1' });
    expect(await audited()).to.deep.equal(['UP']);
  });

  it('its PF loses its VFs: DOWN and gone, tokens unhealthy; VFs that are made again are taken up', async () => {
    const { world, wish, audited } = await watched();
    world.node.others.removeVfs(pf);
    expect(await audited()).to.deep.equal(['DOWN', 'DELETE']);
    expect(world.pool.functions().map(({ use }) => use.kind)).to.deep.equal(Array(4).fill('quarantined'));
    expect(world.pool.tokens('worker.domain/10G').some(({ state }) => state === 'allocated')).to.equal(false);
    await world.node.provisioning.createVfs(parsePciAddress(pf), 4, never);
    await world.clock.advance(120_000);
    expect(world.pool.functions().map(({ use }) => use.kind)).to.deep.equal(Array(4).fill('free'));
    const answer = await world.connect(wish, 'U2');
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`);
    await world.close(answer, wish);
  });

  it('its card is pulled and put in again: the same', async () => {
    const { world, wish, audited } = await watched();
    world.node.others.unplug(pf);
    expect(await audited()).to.deep.equal(['DOWN', 'DELETE']);
    expect(world.forwarder.strays().map(({ reason }) => reason)).to.include('there is no PCI function 0000:01:10.2');
    world.node.others.plug({ address: pf, name: 'pf0', vfs: 4 });
    await world.clock.advance(120_000);
    expect(world.forwarder.strays()).to.deep.equal([]);
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(world.pool.functions().map(({ use }) => use.kind)).to.deep.equal(Array(4).fill('free'));
    await world.close(await world.connect(wish, 'U2'), wish);
  });

  it('a look that fails disturbs nobody', async () => {
    const { world, audited } = await watched();
    using _broken = world.node.faults.failEvery('links.find', 'before', 'busy');
    expect(await audited()).to.deep.equal([]);
  });
});
