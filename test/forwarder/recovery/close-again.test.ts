import { expect } from 'chai';
import { messageOf, oneClient } from '../one-client.js';

describe('a client whose Close was cut by the end of the process', () => {
  it('closes again and brings the namespace: its VF, which nobody could reach, comes home at once', async () => {
    const { world, wish, untouched } = await oneClient({ clientsSeen: false });
    const answer = await world.connect(wish);
    world.node.faults.failNext('links.move', 'crash');
    await messageOf(world.close(answer, wish));
    const { quarantined } = await world.restart();
    expect(quarantined[0]?.reason).to.include('neither at home nor in a namespace that can be reached');
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('closes again without it: that succeeds, and the VF waits for the end of the pod', async () => {
    const { world, wish } = await oneClient({ clientsSeen: false });
    const answer = await world.connect(wish);
    world.node.faults.failNext('links.move', 'crash');
    await messageOf(world.close(answer, wish));
    await world.restart();
    world.node.faults.failNext('caller.receive', 'before');
    await world.close(answer, wish);
    expect(world.forwarder.quarantined()).to.have.lengthOf(1);
  });
});
