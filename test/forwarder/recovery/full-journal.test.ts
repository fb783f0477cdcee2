import { expect } from 'chai';
import { kindOf } from '../kind-of.js';
import { inNamespace, oneClient } from '../one-client.js';
import { addresses } from '../simulated-endpoint.js';
import { refreshOf } from '../simulated-forwarder.js';

describe('a journal that cannot be written', () => {
  for (const fault of ['before', 'after'] as const) {
    it(`refuses new Requests as exhausted and leaves nothing of them (${fault})`, async () => {
      const { world, wish, untouched } = await oneClient();
      const full = world.node.faults.failEvery('journal.', fault);
      expect(await kindOf(world.connect(wish))).to.equal('exhausted');
      expect(world.state()).to.equal(untouched);
      full[Symbol.dispose]();
      await world.close(await world.connect(wish), wish);
      expect(world.state()).to.equal(untouched);
    });
  }

  it('refuses a new Request at whichever write it fills up, and leaves nothing of it', async () => {
    for (let n = 1; ; n += 1) {
      const { world, wish, untouched } = await oneClient();
      const writes = () => world.node.faults.calls.filter((call) => call.startsWith('journal.write')).length;
      let full: Disposable | undefined;
      const { enter } = world.node.faults;
      world.node.faults.enter = (name) => {
        if (name.startsWith('journal.write') && writes() === n - 1) {
          full ??= world.node.faults.failEvery('journal.', 'before');
        }
        return enter.call(world.node.faults, name);
      };
      const outcome = await kindOf(world.connect(wish));
      if (full === undefined) {
        expect(n).to.be.greaterThan(8);
        break;
      }
      expect(outcome, `write ${n}`).to.equal('exhausted');
      expect(world.state(), `write ${n}`).to.equal(untouched);
      full[Symbol.dispose]();
      world.node.journal.note([]);
      await world.restart();
      expect(world.state(), `after write ${n} and a restart`).to.equal(untouched);
    }
  });

  it('lets a refresh without a change through, and tells a successor of it as soon as it can', async () => {
    const { world, wish } = await oneClient();
    const answer = await world.connect(wish);
    const full = world.node.faults.failEvery('journal.', 'before');
    await world.clock.advance(300_000);
    await world.refresh(answer, wish);
    full[Symbol.dispose]();
    await world.refresh(answer, wish);
    await world.restart();
    await world.clock.advance(400_000);
    expect(inNamespace(world)).to.include('nsm-1');
  });

  it('refuses a refresh that would change something, and the connection lives on as it was', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const before = inNamespace(world);
    const full = world.node.faults.failEvery('journal.', 'before');
    world.endpoint.context = { ipContext: addresses('10.0.0.9/32', '10.0.0.8/32') };
    expect(await kindOf(world.request(refreshOf(answer, wish), wish))).to.equal('exhausted');
    expect(inNamespace(world)).to.equal(before);
    full[Symbol.dispose]();
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('closes what there is, and later everything is written', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const full = world.node.faults.failEvery('journal.', 'before');
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
    full[Symbol.dispose]();
    world.node.journal.note([]);
    await world.restart();
    expect(world.state()).to.equal(untouched);
  });

  it('and a crash before it can be written: the successor closes once more what was closed', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    const full = world.node.faults.failEvery('journal.', 'before');
    await world.close(answer, wish);
    world.node.crash();
    full[Symbol.dispose]();
    await world.restart();
    expect(world.state()).to.equal(untouched);
  });
});
