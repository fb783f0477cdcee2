import { getEventListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { expect } from 'chai';
import { SystemClock } from '../../src/clock/system-clock.js';
import { clockContract } from '../contract/clock.contract.js';

describe('SystemClock', () => {
  clockContract(() => {
    const clock = new SystemClock();
    return {
      clock,
      pass: async (ms) => {
        const end = clock.now() + ms;
        while (clock.now() < end) await wait(end - clock.now());
      },
    };
  });

  it('leaves no timer and no listener behind, however waits end', async () => {
    const clock = new SystemClock();
    const daemon = new AbortController();
    await clock.sleep(1, daemon.signal);
    // Counted only now: the runner sets a timer of its own once it sees that a test is asynchronous.
    const before = timers();
    await clock.sleep(1, daemon.signal);
    clock.deadline('a disposed one', 60_000, daemon.signal)[Symbol.dispose]();
    clock.deadline('one that follows another parent', 60_000, daemon.signal, AbortSignal.abort());
    const passed = clock.deadline('one that passes', 0, daemon.signal);
    await new Promise((resolve) => passed.signal.addEventListener('abort', resolve));
    const cancelled = new AbortController();
    const sleeping = clock.sleep(60_000, cancelled.signal).catch(() => undefined);
    cancelled.abort();
    await sleeping;
    expect(getEventListeners(daemon.signal, 'abort')).to.have.length(0);
    expect(timers()).to.equal(before);
  });

  it('tells the wall time as the machine has it', () => {
    const before = Date.now();
    expect(new SystemClock().wallTime()).to.be.within(before, Date.now());
  });

  it('waits longer than one node timer can (24.8 days) instead of not at all', async () => {
    const clock = new SystemClock();
    using year = clock.deadline('a token of a year', 365 * 86_400_000);
    await clock.sleep(5);
    expect(year.signal.aborted).to.equal(false);
  });
});

function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}
