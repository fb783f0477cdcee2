import { expect } from 'chai';
import { ChangeListeners } from '../../src/resourcepool/change-listeners.js';
import { allocated, idOf, owner, poolOf } from './nodes.js';

const node = () => poolOf(['01:00.0', ['d/intel', 'd/10G'], [['01:10.0']]]);

describe('listening to a pool', () => {
  it('ends with the disposing of what onChange returned; the same listener twice is two', () => {
    const pool = node();
    let told = 0;
    const listener = () => void told++;
    const one = pool.onChange(listener);
    const two = pool.onChange(listener);
    const token = idOf(pool, 'd/intel');
    pool.allocate([token]);
    expect(told).to.equal(2);
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    pool.free([token]);
    expect(told).to.equal(3);
    two[Symbol.dispose]();
    pool.allocate([token]);
    expect(told).to.equal(3);
  });

  it('a listener may call the pool: it finds the change complete', () => {
    const pool = node();
    const token = allocated(pool, 'd/intel');
    let seen: string | undefined;
    const listening = pool.onChange(() => {
      seen ??= pool.token(token)?.state;
      for (const { address, use } of pool.functions()) if (use.kind === 'claimed') pool.release(address, owner('anna'));
    });
    expect(pool.claim({ token, owner: owner('anna'), driver: 'kernel' }).token).to.equal(token);
    expect(seen).to.equal('in-use');
    expect(pool.token(token)?.state).to.equal('allocated');
    listening[Symbol.dispose]();
  });

  it('a listener that throws stops neither the others nor the change, and still shows as the bug it is', async () => {
    const listeners = new ChangeListeners();
    let told = false;
    listeners.add(() => {
      throw new Error('a listener’s bug');
    });
    listeners.add(() => {
      told = true;
    });
    const surfaced = uncaughtOnce();
    listeners.notify();
    expect(told).to.equal(true);
    expect(await surfaced).to.have.property('message', 'a listener’s bug');
  });
});

/** The next uncaught exception, kept from the test runner, which would take it for its own. */
async function uncaughtOnce(): Promise<unknown> {
  const runners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  try {
    return await new Promise((resolve) => process.once('uncaughtException', resolve));
  } finally {
    for (const runner of runners) process.on('uncaughtException', runner);
  }
}
