import { expect } from 'chai';
import fc from 'fast-check';
import { ForwarderError } from '../../src/ports/error.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { failing, linkOf, never, stateOf } from './expectations.js';
import { SimNode } from './node.js';
import { turnsOf } from './turn.js';

const vf0 = parsePciAddress('0000:01:10.0');
const options = { pfs: [{ address: '0000:01:00.0', name: 'pf0', vfs: 2 }] };

describe('calls to a simulated node', () => {
  let node: SimNode;
  let index: number;
  let untouched: string;

  beforeEach(async () => {
    node = new SimNode(options);
    node.addNamespace('/sim/ns/a');
    index = (await linkOf(node.namespaces.home, 'eth0')).index;
    untouched = node.snapshot();
    node.faults.restart();
  });

  const rename = (signal = never) => node.namespaces.home.links.change(index, { name: 'mine' }, signal);

  it('are counted over all ports, with readable names', async () => {
    using client = node.namespaces.open('/sim/ns/a');
    await node.bus.facts(vf0);
    await node.namespaces.home.links.move(index, client, 'nsm-1', never);
    client.addressing.writeSetting('ipv4/ping_group_range', '0 9');
    await client.addressing.add([{ kind: 'address', index, cidr: '10.0.0.1/24' }], never);
    expect(node.faults.calls).to.deep.equal([
      'namespaces.open /sim/ns/a',
      'pci.facts 0000:01:10.0',
      `links.move home #${index} eth0 to /sim/ns/a as nsm-1`,
      'addressing.writeSetting /sim/ns/a ipv4/ping_group_range 0 9',
      `addressing.add /sim/ns/a address 10.0.0.1/24 on #${index}`,
    ]);
  });

  it('fail before their effect, once, with the kind of choice', async () => {
    node.faults.failAt(2, 'before', 'busy');
    await node.bus.facts(vf0);
    const error = await failing('busy', rename());
    expect(error.message).to.include('links.change home');
    expect(node.snapshot()).to.equal(untouched);
    await rename();
    expect(node.snapshot()).to.include('mine of 0000:01:10.0');
  });

  it('fail after their effect: nobody knows', async () => {
    node.faults.failAt(1, 'after');
    await failing('unknown', rename());
    expect(node.snapshot()).to.include('mine of 0000:01:10.0');
  });

  it('hang until their signal fires, with or without the effect', async () => {
    for (const [fault, effect] of [
      ['hang', false],
      ['hang-after', true],
    ] as const) {
      node.faults.failNext('links.change', fault);
      const deadline = new AbortController();
      const renaming = rename(deadline.signal);
      expect(await stateOf(renaming)).to.equal('pending');
      deadline.abort(new ForwarderError('timed-out', 'too long'));
      await failing('timed-out', renaming);
      expect(node.snapshot().includes('mine of'), fault).to.equal(effect);
    }
  });

  it('fail instead of hanging when they have no signal', async () => {
    node.faults.failAt(1, 'hang');
    await failing('refused', node.bus.facts(vf0));
    node.faults.failNext('namespaces.open', 'hang');
    expect(() => node.namespaces.open('/sim/ns/a')).to.throw('made to fail');
    node.faults.failNext('namespaces.open', 'after');
    expect(() => node.namespaces.open('/sim/ns/a')).to.throw('made to fail');
    expect(node.openHandles()).to.equal(0);
  });

  it('fail as often as wanted, and tell whether a plan was met', async () => {
    {
      using _ = node.faults.failEvery('links.', 'before');
      for (let n = 0; n < 3; n += 1) await failing('refused', rename());
    }
    await rename();
    node.faults.failAt(99, 'before');
    expect(node.faults.pending).to.equal(1);
  });

  it('do nothing for a caller that left before their turn', async () => {
    const leave = new AbortController();
    const renaming = rename(leave.signal);
    leave.abort();
    await failing('cancelled', renaming);
    expect(node.snapshot()).to.equal(untouched);
  });

  for (const [fault, effect] of [
    ['crash', false],
    ['crash-after', true],
  ] as const) {
    it(`never return from a ${fault}, nor does anything after it; descriptors close`, async () => {
      const old = node.namespaces;
      old.open('/sim/ns/a');
      node.faults.failNext('links.change', fault);
      const calls = [rename(), old.home.links.find({ name: 'mine' }, never)];
      expect(await Promise.all(calls.map(stateOf))).to.deep.equal(['pending', 'pending']);
      expect(await stateOf(old.home.links.change(index, { mtu: 1400 }, never))).to.equal('pending');
      expect(() => old.open('/sim/ns/a')).to.throw('crashed');
      expect([node.crashes, node.openHandles()]).to.deep.equal([1, 0]);
      expect(node.snapshot().includes('mine of')).to.equal(effect);
      expect(node.snapshot()).not.to.include('1400');
    });
  }

  it('give a successor the node as the crash left it', async () => {
    const old = node.namespaces.open('/sim/ns/a');
    await node.namespaces.home.links.move(index, old, 'nsm-1', never);
    node.killNamespace('/sim/ns/a');
    node.crash();
    await node.settled();
    expect(await linkOf(node.namespaces.home, 'nsm-1')).to.include({ parent: vf0 });
  });

  it('interleave in any order that a property test deals out', async () => {
    const orders = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const done: string[] = [];
        const scheduled = new SimNode({ ...options, turn: turnsOf(scheduler) });
        const calls = ['igbvf', 'vfio-pci'].map(async (driver) => {
          await scheduled.bus.bind(vf0, driver, never);
          done.push(driver);
        });
        await scheduler.waitIdle();
        await Promise.all(calls);
        orders.add(done.join());
      }),
      { numRuns: 30, seed: 1 },
    );
    expect([...orders]).to.have.members(['igbvf,vfio-pci', 'vfio-pci,igbvf']);
  });
});
