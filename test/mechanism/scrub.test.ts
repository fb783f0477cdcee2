import { expect } from 'chai';
import type { Entry } from '../../src/ledger/entry.js';
import { HeldNamespaces } from '../../src/mechanism/held-namespaces.js';
import { kernelInverses } from '../../src/mechanism/kernel/inverses.js';
import { parseMac } from '../../src/ports/ip.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { kindOf } from '../forwarder/kind-of.js';
import { effects, inNamespace, oneClient } from '../forwarder/one-client.js';
import { addresses } from '../forwarder/simulated-endpoint.js';
import { SimClock } from '../sim/clock.js';
import { iavf, igb, plainDriver } from '../sim/driver-quirks.js';
import type { Fault } from '../sim/fault-plan.js';
import { SimNode } from '../sim/node.js';

const vf = parsePciAddress('0000:01:10.0');
const client = '/sim/ns/client';
const { signal } = new AbortController();
const bindings = (calls: readonly string[]) => calls.filter((call) => call.startsWith('pci.'));

/** A client that has its VF, and has done to it whatever a client can. */
async function hostileClient(options: Parameters<typeof oneClient>[0] = {}) {
  const it = await oneClient(options);
  const { others } = it.world.node;
  const answer = await it.world.connect(it.wish);
  others.leave(vf, 'promiscuous');
  others.addAltName(client, 'nsm-1', 'mine-for-ever');
  others.changeLink(client, 'nsm-1', { name: 'renamed', mac: parseMac('02:00:00:00:00:66'), mtu: 900, up: true });
  it.world.node.faults.restart();
  return { ...it, answer };
}

describe('a VF that becomes free', () => {
  for (const [name, quirks] of Object.entries({ plainDriver, igb, iavf })) {
    it(`B25: is as it was before, with nothing of its client, on the card or off it (${name})`, async () => {
      const { world, wish, answer, untouched } = await hostileClient({ pf: { quirks } });
      expect(world.node.snapshot()).to.include('left promiscuous').and.to.include('also mine-for-ever');
      await world.close(answer, wish);
      expect(bindings(effects(world))).to.deep.equal([`pci.unbind ${vf}`, `pci.reset ${vf}`, `pci.bind ${vf} igbvf`]);
      expect(world.state()).to.equal(untouched);
    });
  }

  it('is bound anew once, not twice, when its PF had set a MAC for it as well', async () => {
    const { world, wish, untouched } = await oneClient({ pf: { quirks: igb } });
    world.endpoint.context = {
      ipContext: addresses('10.0.0.1/32', '10.0.0.2/32'),
      ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 },
    };
    const answer = await world.connect(wish);
    world.node.faults.restart();
    await world.close(answer, wish);
    const calls = effects(world).filter((call) => /^(pci|links\.changeVf)/.test(call));
    expect(calls.map((call) => call.split(' ')[0])).to.deep.equal([
      'links.changeVf',
      'pci.unbind',
      'pci.reset',
      'pci.bind',
    ]);
    expect(world.state()).to.equal(untouched);
  });

  it('is bound anew without a reset where it has none, as what a client made on its netdev goes with that', async () => {
    const { world, wish, answer } = await hostileClient({ pf: { quirks: { ...plainDriver, resettable: false } } });
    await world.close(answer, wish);
    expect(bindings(effects(world))).to.deep.equal([`pci.unbind ${vf}`, `pci.bind ${vf} igbvf`]);
  });

  it('keeps its netdev where it is no hardware and has no reset', async () => {
    const { world, wish, untouched } = await oneClient({
      simulatedVfs: true,
      pf: { quirks: { ...plainDriver, resettable: false } },
    });
    const answer = await world.connect(wish);
    await world.close(answer, wish);
    expect(bindings(effects(world))).to.deep.equal([]);
    expect(world.state()).to.equal(untouched);
  });

  it('keeps its netdev while resets are switched off, with all that a message can put right put right', async () => {
    const { world, wish, answer, untouched } = await hostileClient({ resetVfs: false });
    await world.close(answer, wish);
    expect(bindings(effects(world))).to.deep.equal([]);
    expect(world.state()).to.equal(untouched.replace(`${vf} igbvf in group 2`, '$&, left promiscuous'));
  });

  const faults: readonly Fault[] = ['before', 'after', 'hang', 'hang-after'];
  for (const call of ['pci.unbind', 'pci.reset', 'pci.bind', 'pci.facts', 'links.change home']) {
    for (const fault of faults) {
      it(`is kept from everybody until it is clean, when ${call} goes wrong (${fault})`, async () => {
        const { world, wish, answer, untouched } = await hostileClient();
        world.node.faults.failNext(call, fault);
        expect(await kindOf(world.close(answer, wish))).to.not.equal('ok');
        expect(world.forwarder.quarantined().map((it) => it.function)).to.deep.equal([vf]);
        await world.clock.advance(60_000);
        expect(world.forwarder.quarantined()).to.deep.equal([]);
        expect(world.state()).to.equal(untouched);
      });
    }
  }

  it('is reset also after a Request that failed when its netdev had left', async () => {
    const { world, wish, untouched } = await oneClient();
    world.node.faults.failNext('addressing.add', 'before');
    expect(await kindOf(world.connect(wish))).to.equal('refused');
    expect(bindings(effects(world))).to.deep.equal([`pci.unbind ${vf}`, `pci.reset ${vf}`, `pci.bind ${vf} igbvf`]);
    expect(world.state()).to.equal(untouched);
  });

  it('has its own name again when the kernel gave that to another one that came back at the same time', async () => {
    const { world, wish, tokens, untouched } = await oneClient();
    const wishes = tokens.map((token, n) => ({
      ...wish,
      token,
      interfaceName: `nsm-${n}`,
      parameters: { vlan: '1' },
    }));
    const answers = [];
    for (const [n, each] of wishes.entries()) answers.push(await world.connect(each, `U${n}`));
    const closing = answers.map((answer, n) => {
      const caller = world.caller(wishes[n] ?? wish);
      return world.forwarder.close(answer, { caller, signal });
    });
    await world.clock.advanceUntil(Promise.all(closing.reverse()));
    expect(world.state()).to.equal(untouched);
  });
});

describe('the way back of a VF that is to start afresh', () => {
  /** Undoes the step alone, on a node where it was recorded before this process began. */
  async function undo({ resetVfs }: { readonly resetVfs: boolean }, node: SimNode) {
    const { bus: pci, namespaces } = node;
    const inverses = kernelInverses({ pci, namespaces, held: new HeldNamespaces(), clock: new SimClock(), resetVfs });
    const args = { driver: 'igbvf', name: 'eth0', reset: true };
    const entry = {
      kind: 'function-used',
      args,
      function: vf,
      id: 1,
      connection: 'c',
      state: 'begun',
    } as unknown as Entry;
    node.faults.restart();
    await inverses['function-used']?.(entry, signal);
    return bindings(node.faults.calls).filter((call) => !call.startsWith('pci.facts'));
  }
  const createNode = () => new SimNode({ pfs: [{ address: '0000:01:00.0', name: 'pf0', vfs: 2 }] });
  const all = [`pci.unbind ${vf}`, `pci.reset ${vf}`, `pci.bind ${vf} igbvf`];

  it('may be gone twice', async () => {
    const node = createNode();
    const before = node.snapshot().replace(/02:5a\S+/g, 'MAC');
    expect(await undo({ resetVfs: true }, node)).to.deep.equal(all);
    expect(await undo({ resetVfs: true }, node)).to.deep.equal(all);
    expect(node.snapshot().replace(/02:5a\S+/g, 'MAC')).to.equal(before);
  });

  it('begins where it was left: without a driver', async () => {
    const node = createNode();
    const before = node.snapshot().replace(/02:5a\S+/g, 'MAC');
    await node.bus.unbind(vf, signal);
    await undo({ resetVfs: true }, node);
    expect(node.snapshot().replace(/02:5a\S+/g, 'MAC')).to.equal(before);
  });

  it('leaves the reset out when it was switched off since: so a card that fails at it gives its VF back', async () => {
    expect(await undo({ resetVfs: false }, createNode())).to.deep.equal([all[0], all[2]]);
  });
});

describe('alternative names', () => {
  it('that a client gave are gone, those from home are there again', async () => {
    const { world, wish } = await oneClient({ resetVfs: false });
    world.node.others.addAltName('home', 'eth0', 'enp1s0v0');
    const before = world.state();
    const answer = await world.connect(wish);
    world.node.others.addAltName(client, 'nsm-1', 'mine-for-ever');
    await world.close(answer, wish);
    expect(world.state()).to.equal(before);
  });

  for (const resetVfs of [true, false]) {
    it(`the one that made way for the client's wish is back (resets ${resetVfs ? 'on' : 'off'})`, async () => {
      const { world, wish } = await oneClient({ resetVfs });
      world.node.others.addAltName('home', 'eth0', 'nsm-1');
      world.node.others.addAltName('home', 'eth0', 'enp1s0v0');
      const before = world.state();
      const answer = await world.connect(wish);
      expect(inNamespace(world)).to.match(/^ {2}nsm-1 of .*, also enp1s0v0\n/);
      await world.close(answer, wish);
      expect(world.state()).to.equal(before);
    });
  }

  it('one that somebody else took meanwhile stays with him', async () => {
    const { world, wish } = await oneClient({ resetVfs: false });
    world.node.others.addAltName('home', 'eth0', 'nsm-1');
    const answer = await world.connect(wish);
    world.node.others.addLink('home', 'nsm-1');
    await world.close(answer, wish);
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(world.node.snapshot()).to.match(/ {2}eth0 of 0000:01:10\.0 \S+ mtu 1500 down\n/);
  });

  for (const taken of ['eth1', 'pf0', 'eth0']) {
    it(`that are taken at home do not keep a VF away (${taken})`, async () => {
      const { world, wish, untouched } = await oneClient();
      const answer = await world.connect(wish);
      world.node.others.addAltName(client, 'nsm-1', taken);
      await world.close(answer, wish);
      expect(world.forwarder.quarantined()).to.deep.equal([]);
      expect(world.state()).to.equal(untouched);
    });
  }

  it('that came home with a netdev whose namespace ended are gone too', async () => {
    const { world, wish } = await oneClient({ resetVfs: false });
    const answer = await world.connect(wish);
    world.node.others.addAltName(client, 'nsm-1', 'mine-for-ever');
    const { links } = world.node.namespaces.home;
    using away = world.node.namespaces.open(client);
    const there = await away.links.find({ name: 'nsm-1' }, signal);
    await away.links.move(there?.index ?? 0, world.node.namespaces.home, 'nsm-1', signal);
    await world.close(answer, wish);
    expect((await links.find({ name: 'eth0' }, signal))?.altNames).to.deep.equal([]);
  });
});
