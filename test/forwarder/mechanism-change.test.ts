import { expect } from 'chai';
import type { Connection } from '../../apis/generated/connection.js';
import type { Fault } from '../sim/fault-plan.js';
import { kindOf } from './kind-of.js';
import { changedWish, inNamespace, type OneClient } from './one-client.js';
import { canOpen, cgroupDir, onePod } from './one-pod.js';
import { addClient, type Wish } from './simulated-forwarder.js';

const vf = '0000:01:10.0';

interface Direction {
  readonly title: string;
  readonly from: (wish: Wish) => Wish;
  readonly to: (wish: Wish) => Wish;
}

const asKernel = ({ token }: Wish): Wish => ({ token });
const asVfio = ({ token }: Wish): Wish => ({ token, type: 'VFIO', parameters: { cgroupDir } });

const directions: readonly Direction[] = [
  { title: 'KERNEL to VFIO', from: asKernel, to: asVfio },
  { title: 'VFIO to KERNEL', from: asVfio, to: asKernel },
];

/** What the client has of its VF. */
function has({ world }: OneClient, answer: Connection): string {
  const netdev = inNamespace(world).includes(`nsm-1 of ${vf}`) ? 'the netdev' : '';
  const device = answer.mechanism?.type === 'VFIO' && canOpen(world, answer) ? 'the device' : '';
  return `${netdev}${device}`;
}

async function changing(direction: Direction, options: Parameters<typeof onePod>[0] = {}) {
  const it = await onePod(options);
  const [from, to] = [direction.from(it.wish), direction.to(it.wish)];
  const answer = await it.world.connect(from);
  await it.world.node.settled();
  it.world.node.faults.restart();
  return { ...it, from, to, answer, change: () => it.world.request(changedWish(answer, to), to) };
}

const turn = [
  [asVfio, 'VFIO', 'the device'],
  [asKernel, 'KERNEL', 'the netdev'],
] as const;
const changes = /^(pci\.(bind|unbind)|links\.move|access\.(grant|revoke))/;

describe('a refresh that changes the mechanism', () => {
  for (const afterUse of ['return', 'keep'] as const) {
    it(`L13, R4: KERNEL to VFIO to KERNEL on one connection, one VF all the way (after use: ${afterUse})`, async () => {
      const it = await onePod({ vfio: { afterUse } });
      const { world, wish, untouched } = it;
      let answer = await world.connect(asKernel(wish));
      const served = { id: answer.id, function: vf };
      for (const [next, type, thing] of [...turn, ...turn]) {
        answer = await world.request(changedWish(answer, next(wish)), next(wish));
        expect({ id: answer.id, function: answer.mechanism?.parameters['pciAddress'] }).to.deep.equal(served);
        expect([answer.mechanism?.type, has(it, answer)]).to.deep.equal([type, thing]);
        world.node.faults.restart();
        answer = await world.refresh(answer, next(wish));
        expect(has(it, answer)).to.equal(thing);
        expect(world.node.faults.calls.filter((call) => changes.test(call))).to.deep.equal([]);
      }
      await world.close(answer, asKernel(wish));
      if (afterUse === 'return') expect(world.state()).to.equal(untouched);
      expect(world.pool.functions().map(({ use }) => use.kind)).to.deep.equal(['free', 'free', 'free', 'free']);
      expect(world.node.openHandles()).to.equal(0);
    });
  }

  for (const direction of directions) {
    it(`${direction.title}: asks the next hop before anything is taken from the client`, async () => {
      const it = await changing(direction);
      const refusing = it.world.node.faults.failEvery('nextHops.request', 'before', 'refused');
      const before = it.world.state();
      expect(await kindOf(it.change())).to.equal('refused');
      refusing[Symbol.dispose]();
      expect(it.world.state()).to.equal(before);
      await it.world.close(await it.world.refresh(it.answer, it.from), it.from);
      expect(it.world.state()).to.equal(it.untouched);
    });

    for (const fault of ['before', 'after', 'hang', 'hang-after'] satisfies readonly Fault[]) {
      it(`B23, L13: ${direction.title}, any call goes wrong (${fault}): the client has what it had, and lives on`, async function () {
        this.timeout(60_000);
        const rehearsal = await changing(direction);
        await rehearsal.change();
        const calls = rehearsal.world.node.faults.calls.length;
        expect(calls).to.be.greaterThan(20);
        let restored = 0;
        for (let n = 1; n <= calls; n += 1) {
          const it = await changing(direction);
          const { world, untouched } = it;
          const before = has(it, it.answer);
          world.node.faults.failAt(n, fault);
          const outcome = await kindOf(it.change());
          const where = `call ${n} (${world.node.faults.calls[n - 1]}), ${outcome}`;
          await world.node.settled();
          const kept = world.forwarder.connections.has('connection-1');
          const owed = world.forwarder.quarantined();
          // What the forwarder is about to forget for want of a record it must not leave with the client.
          const unrecorded = world.node.faults.calls[n - 1] === 'journal.write connection/connection-1';
          if (outcome !== 'ok' && owed.length === 0 && !unrecorded) {
            expect(kept, where).to.equal(true);
            const again = await world.refresh(it.answer, it.from);
            expect(has(it, again), where).to.equal(before);
            restored += 1;
          }
          await kindOf(world.close(it.answer, it.from));
          await world.clock.advance(840_000);
          await world.node.settled();
          expect(world.forwarder.quarantined(), where).to.deep.equal([]);
          expect(world.state().replace('endpoint: connection-1', 'endpoint: '), where).to.equal(untouched);
        }
        expect(restored).to.be.greaterThan(calls / 4);
      });
    }
  }

  /** Two clients have VFs of one group by KERNEL; the second one is in the way of the first one's change. */
  async function crowded(options: Parameters<typeof onePod>[0] = {}) {
    const it = await onePod({ ...options, pf: { iommu: 'vfs-together' } });
    const { world, wish, tokens } = it;
    const second = { token: tokens[1] ?? wish.token, namespace: addClient(world, '/sim/ns/second') };
    const kernel = asKernel(wish);
    const answer = await world.connect(kernel);
    const other = await world.connect(second, 'U2');
    const end = async (last: Connection, wanted: Wish) => {
      await world.close(last, wanted);
      await world.close(other, second);
      world.node.killNamespace('/sim/ns/second');
      await world.node.settled();
    };
    return { ...it, kernel, answer, end };
  }

  it('is refused at once where the IOMMU group of the VF cannot follow, and no other VF can', async () => {
    const { world, wish, kernel, answer, untouched, end } = await crowded();
    const before = world.state();
    expect(await kindOf(world.request(changedWish(answer, asVfio(wish)), asVfio(wish)))).to.equal('exhausted');
    expect(world.state()).to.equal(before);
    await end(await world.refresh(answer, kernel), kernel);
    expect(world.state()).to.equal(untouched);
  });

  const otherPf = { address: '0000:02:00.0', name: 'pf1', vfs: 1 };

  it('gets another VF where the IOMMU group of its VF cannot follow', async () => {
    const { world, wish, answer, untouched, end } = await crowded({ otherPf });
    const changed = await world.request(changedWish(answer, asVfio(wish)), asVfio(wish));
    expect(changed.mechanism?.parameters['pciAddress']).to.equal('0000:02:10.0');
    expect(canOpen(world, changed)).to.equal(true);
    expect(inNamespace(world)).to.equal('');
    await end(await world.refresh(changed, asVfio(wish)), asVfio(wish));
    expect(world.state()).to.equal(untouched);
  });

  it('keeps its VF when the other one cannot be had in the end', async () => {
    const { world, wish, kernel, answer, untouched, end } = await crowded({ otherPf });
    const before = inNamespace(world);
    world.node.faults.failNext('access.grant', 'before', 'denied');
    expect(await kindOf(world.request(changedWish(answer, asVfio(wish)), asVfio(wish)))).to.equal('denied');
    expect(inNamespace(world)).to.equal(before);
    await end(await world.refresh(answer, kernel), kernel);
    expect(world.state()).to.equal(untouched);
  });
});
