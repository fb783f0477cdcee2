import { expect } from 'chai';
import type { Clock } from '../../src/ports/clock.js';
import { ForwarderError } from '../../src/ports/error.js';

/** A clock under test, and how its time is made to pass. */
export interface ClockSubject {
  readonly clock: Clock;
  /** Resolves when at least `ms` milliseconds of this clock have passed and what they woke has run. */
  pass(ms: number): Promise<void>;
}

/** What every {@link Clock} does. Times are tens of milliseconds, so that a real one needs no patience. */
export function clockContract(create: () => ClockSubject): void {
  it('measures the time that passes', async () => {
    const { clock, pass } = create();
    const start = clock.now();
    await pass(20);
    expect(clock.now() - start).to.be.at.least(20);
  });

  it('wakes a sleeper when its time has passed, and shorter sleeps first', async () => {
    const { clock, pass } = create();
    const woken: number[] = [];
    const sleeps = [30, 5, 15].map((ms) => clock.sleep(ms).then(() => woken.push(ms)));
    await pass(40);
    await Promise.all(sleeps);
    expect(woken).to.deep.equal([5, 15, 30]);
  });

  it('ends a sleep as cancelled when its signal fires, with the reason as the cause', async () => {
    const { clock } = create();
    const leave = new AbortController();
    const sleeping = clock.sleep(60_000, leave.signal);
    leave.abort(new ForwarderError('unavailable', 'the peer left'));
    const error = await rejection(sleeping);
    expect(error.kind).to.equal('cancelled');
    expect(error.cause).to.equal(leave.signal.reason);
  });

  it('does not begin to sleep with a signal that fired before', async () => {
    const { clock } = create();
    expect((await rejection(clock.sleep(60_000, AbortSignal.abort()))).kind).to.equal('cancelled');
  });

  it('aborts a deadline as timed out, saying what took too long', async () => {
    const { clock, pass } = create();
    using deadline = clock.deadline('moving eth1', 10);
    expect(deadline.signal.aborted).to.equal(false);
    await pass(30);
    expect(deadline.signal.reason).to.be.instanceOf(ForwarderError);
    expect(deadline.signal.reason).to.include({ kind: 'timed-out', message: 'moving eth1 took longer than 10 ms' });
  });

  it('aborts a deadline with the reason of the parent that aborts first', () => {
    const { clock } = create();
    const [first, second] = [new AbortController(), new AbortController()];
    using deadline = clock.deadline('moving eth1', 60_000, first.signal, second.signal);
    second.abort(new ForwarderError('cancelled', 'the caller left'));
    first.abort(new ForwarderError('cancelled', 'too late'));
    expect(deadline.signal.reason).to.equal(second.signal.reason);
  });

  it('hands out an aborted deadline when a parent has aborted before', () => {
    const { clock } = create();
    const parent = AbortSignal.abort(new ForwarderError('cancelled', 'the caller left'));
    using deadline = clock.deadline('moving eth1', 60_000, parent);
    expect(deadline.signal.reason).to.equal(parent.reason);
  });

  it('lets go of its timer and parents when a deadline is disposed', async () => {
    const { clock, pass } = create();
    const parent = new AbortController();
    const deadline = clock.deadline('moving eth1', 10, parent.signal);
    deadline[Symbol.dispose]();
    deadline[Symbol.dispose]();
    await pass(30);
    parent.abort();
    expect(deadline.signal.aborted).to.equal(false);
  });

  it('never lets an infinite deadline pass', async () => {
    const { clock, pass } = create();
    using deadline = clock.deadline('waiting for ever', Number.POSITIVE_INFINITY);
    await pass(20);
    expect(deadline.signal.aborted).to.equal(false);
  });
}

async function rejection(promise: Promise<unknown>): Promise<ForwarderError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof ForwarderError) return outcome.error;
  throw new Error('expected a rejection with a ForwarderError');
}
