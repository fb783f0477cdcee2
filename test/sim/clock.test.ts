import { expect } from 'chai';
import { clockContract } from '../contract/clock.contract.js';
import { SimClock } from './clock.js';

describe('SimClock', () => {
  clockContract(() => {
    const clock = new SimClock();
    return { clock, pass: (ms) => clock.advance(ms) };
  });

  it('stands still until it is turned', async () => {
    const clock = new SimClock(1_000);
    expect([clock.now(), clock.wallTime()]).to.deep.equal([0, 1_000]);
    await clock.advance(250);
    expect([clock.now(), clock.wallTime()]).to.deep.equal([250, 1_250]);
  });

  it('rings each timer at its own time, also those that were set on the way', async () => {
    const clock = new SimClock();
    const times: number[] = [];
    const tick = async () => {
      for (;;) {
        await clock.sleep(10);
        times.push(clock.now());
      }
    };
    void tick();
    await clock.advance(35);
    expect(times).to.deep.equal([10, 20, 30]);
  });

  it('counts the timers that still wait', async () => {
    const clock = new SimClock();
    const leave = new AbortController();
    const sleeping = clock.sleep(10, leave.signal).catch(() => undefined);
    const deadline = clock.deadline('anything', 10);
    expect(clock.pending).to.equal(2);
    leave.abort();
    deadline[Symbol.dispose]();
    await sleeping;
    expect(clock.pending).to.equal(0);
  });

  it('passes the time that a promise needs, and no more', async () => {
    const clock = new SimClock();
    const work = clock.sleep(10).then(() => clock.sleep(20));
    void clock.sleep(1_000);
    await clock.advanceUntil(work);
    expect(clock.now()).to.equal(30);
  });

  it('says so when a promise waits for something else than time', async () => {
    const clock = new SimClock();
    const error = await clock.advanceUntil(new Promise(() => undefined)).catch((thrown: unknown) => thrown);
    expect(String(error)).to.contain('still pending at 0 ms');
  });
});
