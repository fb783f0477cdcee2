import { expect } from 'chai';
import { parsePciAddress } from '../../../src/ports/pci-address.js';
import { kindOf } from '../kind-of.js';
import { changedWish, effects, inNamespace, messageOf, oneClient } from '../one-client.js';
import { addresses } from '../simulated-endpoint.js';

const vf = '0000:01:10.0';

const touches = (calls: readonly string[]) => calls.filter((call) => !/^(caller|namespaces)\./.test(call));

describe('a restart', () => {
  it('R1: gives a VF that sits in a pod to nobody else, and the next client the next VF', async () => {
    const { world, wish, tokens } = await oneClient();
    await world.connect(wish);
    await world.restart();
    world.endpoint.context = { ipContext: addresses('10.0.0.3/32', '10.0.0.4/32') };
    const other = { token: tokens[1] ?? wish.token, interfaceName: 'nsm-2' };
    const answer = await world.connect(other, 'U2');
    expect(answer.mechanism?.parameters['pciAddress']).to.equal('0000:01:10.2');
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`).and.include('nsm-2 of 0000:01:10.2');
  });

  it('R2: leaves an established connection its very VF, whichever a claim would choose, and touches nothing', async () => {
    const { world, wish, tokens, untouched } = await oneClient();
    const first = await world.connect({ ...wish, token: tokens[1] ?? wish.token, interfaceName: 'nsm-9' }, 'U9');
    world.endpoint.context = { ipContext: addresses('10.0.0.3/32', '10.0.0.4/32') };
    const answer = await world.connect(wish);
    expect(answer.mechanism?.parameters['pciAddress']).to.equal('0000:01:10.2');
    await world.close(first, { ...wish, token: tokens[1] ?? wish.token });
    const before = world.node.snapshot();
    world.node.faults.restart();
    const { connections } = await world.restart();
    expect(connections).to.deep.equal([
      {
        connection: 'connection-2',
        functions: ['0000:01:10.2'],
        verdict: 'kept',
        reason: 'its VF is where it should be',
      },
    ]);
    const again = await world.refresh(answer, wish);
    expect(again.mechanism?.parameters['pciAddress']).to.equal('0000:01:10.2');
    expect(touches(effects(world))).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    expect(world.node.snapshot()).to.equal(before);
    await world.close(again, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('R4: remembers the mechanism that a connection has changed to: the next refresh touches nothing', async () => {
    const { world, wish, untouched } = await oneClient();
    const noop = { ...wish, type: 'NOOP' };
    let answer = await world.connect(wish);
    answer = await world.request(changedWish(answer, noop), noop);
    answer = await world.request(changedWish(answer, wish), wish);
    await world.restart();
    world.node.faults.restart();
    answer = await world.refresh(answer, wish);
    expect(touches(effects(world))).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    answer = await world.request(changedWish(answer, noop), noop);
    await world.restart();
    world.node.faults.restart();
    answer = await world.refresh(answer, noop);
    expect(touches(effects(world))).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    await world.close(answer, noop);
    expect(world.state()).to.equal(untouched);
  });

  it('R5: deletes nothing that it finds in the pod, and leaves no name of its own on the host', async () => {
    const { world, wish, untouched } = await oneClient();
    world.node.faults.failNext('links.change /sim/ns/client', 'crash');
    expect(await messageOf(world.connect(wish))).to.equal('the process has ended');
    world.node.others.addLink('/sim/ns/client', 'eth0');
    expect(inNamespace(world)).to.include(`vf000001100 of ${vf}`);
    const { connections } = await world.restart();
    expect(connections.map(({ verdict, reason }) => [verdict, reason])).to.deep.equal([
      ['ended', 'its first Request never succeeded, or it was being closed'],
    ]);
    expect(inNamespace(world)).to.include('eth0');
    world.node.others.removeLink('/sim/ns/client', 'eth0');
    expect(world.state()).to.equal(untouched);
  });

  it('twice in a row changes nothing', async () => {
    const { world, wish } = await oneClient();
    await world.connect(wish);
    await world.restart();
    const after = world.state();
    world.node.faults.restart();
    await world.restart();
    expect(world.state()).to.equal(after);
    expect(touches(effects(world))).to.deep.equal([]);
  });

  it('keeps a connection whose VF cannot be looked at, and looks again later', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    world.node.crash();
    world.node.faults.failNext(`links.find home`, 'before', 'busy');
    const { connections } = await world.restart();
    expect(connections[0]?.verdict).to.equal('kept');
    expect(connections[0]?.reason).to.match(/^it could not be looked at: links\.find home/);
    await world.close(await world.refresh(answer, wish), wish);
    expect(world.state()).to.equal(untouched);
  });

  it('ends a connection whose namespace has ended meanwhile', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect(wish);
    world.node.crash();
    world.node.killNamespace('/sim/ns/client');
    await world.node.settled();
    const { connections } = await world.restart();
    expect(connections[0]).to.deep.include({
      verdict: 'ended',
      reason: `the netdev of ${vf} is at home: somebody took it, or its namespace ended`,
    });
    expect(world.state()).to.equal(untouched.replace('namespace /sim/ns/client\n', ''));
  });

  for (const driver of [undefined, 'vfio-pci']) {
    it(`ends a connection whose VF has lost its driver meanwhile (now ${driver ?? 'none'}), and binds it again`, async () => {
      const { world, wish, untouched } = await oneClient({ clientsSeen: false });
      await world.connect(wish);
      world.node.crash();
      const never = new AbortController().signal;
      const address = parsePciAddress(vf);
      if (driver === undefined) await world.node.bus.unbind(address, never);
      else await world.node.bus.bind(address, driver, never);
      const { connections, quarantined } = await world.restart();
      expect(connections[0]?.reason).to.equal(`VF ${vf} has the driver ${driver ?? '(none)'}, not igbvf`);
      expect(quarantined).to.deep.equal([]);
      // What the forwarder cannot reach any more stays in the pod: a setting that lets everybody ping.
      expect(world.state().replace(/^ {2}ipv4\/ping_group_range.*\n/m, '')).to.equal(untouched);
    });
  }

  it('closes a connection that expired while there was nobody, after a while in which its client may come back', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect(wish);
    world.node.crash();
    await world.clock.advance(700_000);
    await world.restart();
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`);
    await world.clock.advance(600_000);
    expect(world.state()).to.equal(untouched);
    expect(world.clock.pending).to.equal(0);
  });

  it('frees a VF at once that could not be claimed again, also when the next hop does not take its Close', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect(wish);
    const [key, claim] = [...world.node.journal.records()].find(([, it]) => it['kind'] === 'function-claimed') ?? [];
    if (key === undefined || claim === undefined) throw new Error('no claim is on record');
    const args = {
      ...(claim['args'] as object),
      token: 'sriov-11111111-0000-4000-8000-000000000000',
      tokenName: 'none',
    };
    world.node.journal.write([{ key, value: { ...claim, args } }]);
    using _unreachable = world.node.faults.failEvery('nextHops.close', 'before', 'unavailable');
    const { connections } = await world.restart();
    expect(connections[0]).to.deep.include({ verdict: 'ended' });
    expect(connections[0]?.failure).to.include('could not undo onward');
    expect(world.state()).to.equal(untouched.replace('at the endpoint: ', 'at the endpoint: connection-1'));
  });

  it('under another name knows its connections by their clients, also when they only close', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    await world.restart({ name: 'successor' });
    const again = await world.refresh(answer, wish);
    expect(again.path?.pathSegments[2]).to.deep.include({ name: 'successor', id: 'connection-1' });
    await world.restart({ name: 'third' });
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('takes a client for the same when it asks as if for the first time', async () => {
    const { world, wish, untouched } = await oneClient();
    await world.connect(wish);
    await world.restart({ kubeletAway: true });
    world.kubeletAnswers();
    world.node.faults.restart();
    const again = await world.connect(wish);
    expect(again.path?.pathSegments[2]?.id).to.equal('connection-1');
    expect(touches(effects(world))).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    await world.close(again, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('leaves settings of a pod alone that another connection of it relies on, and puts them back after the last', async () => {
    const { world, wish, tokens, untouched } = await oneClient({ clientsSeen: false });
    const first = await world.connect(wish);
    world.endpoint.context = { ipContext: addresses('10.0.0.3/32', '10.0.0.4/32') };
    const other = { token: tokens[1] ?? wish.token, interfaceName: 'nsm-2' };
    const second = await world.connect(other, 'U2');
    await world.restart();
    await world.close(first, wish);
    expect(inNamespace(world)).to.include('ping_group_range = 0 2147483647');
    await world.close(second, other);
    expect(world.state()).to.equal(untouched);
  });

  it('drops a next hop that a refresh was about to move to', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    world.endpoint.names = ['endpoint', 'other'];
    world.node.faults.failNext('nextHops.close', 'crash');
    const moved = { ...answer, networkServiceEndpointName: 'other' };
    expect(await kindOf(world.refresh(moved, wish))).to.equal('unknown');
    expect(world.endpoint.open()).to.have.lengthOf(2);
    await world.restart();
    expect(world.endpoint.holding('connection-1')).to.deep.equal(['unix:///run/endpoint.sock']);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('serves a client whose VF nobody could bring home: it brings the namespace', async () => {
    const { world, wish, untouched } = await oneClient({ clientsSeen: false });
    world.node.faults.failNext('addressing.add', 'crash');
    await messageOf(world.connect(wish));
    const { quarantined } = await world.restart();
    expect(quarantined[0]?.reason).to.include('neither at home nor in a namespace that can be reached');
    const answer = await world.connect(wish);
    expect(answer.mechanism?.parameters['pciAddress']).to.equal(vf);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });
});
