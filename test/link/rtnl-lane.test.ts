import { getEventListeners } from 'node:events';
import { expect } from 'chai';
import { RtnlLane } from '../../src/link/rtnl-lane.js';
import { ForwarderError } from '../../src/ports/error.js';
import { failure } from '../contract/network-harness.js';

/** Jobs that end when told, with a record of when each began. */
function controlledJobs(lane: RtnlLane, signal: AbortSignal) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    add: (name: string, weight: 'short' | 'move', own = signal) =>
      lane.run(weight, own, () => {
        begun.push(name);
        return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
      }),
    end: async (name: string) => {
      ends.get(name)?.();
      await new Promise(setImmediate);
    },
  };
}

describe('the RTNL lane', () => {
  const never = new AbortController().signal;

  it('keeps two jobs in the kernel and lets the others wait', async () => {
    const jobs = controlledJobs(new RtnlLane(), never);
    const all = ['a', 'b', 'c'].map((name) => jobs.add(name, 'move'));
    expect(jobs.begun).to.deep.equal(['a', 'b']);
    await jobs.end('b');
    expect(jobs.begun).to.deep.equal(['a', 'b', 'c']);
    for (const name of ['a', 'c']) await jobs.end(name);
    expect(await Promise.all(all)).to.deep.equal(['a', 'b', 'c']);
  });

  it('takes short jobs before moves, and each in the order they came', async () => {
    const jobs = controlledJobs(new RtnlLane(), never);
    for (const name of ['m1', 'm2', 'm3', 'm4']) void jobs.add(name, 'move');
    for (const name of ['s1', 's2']) void jobs.add(name, 'short');
    for (const name of ['m1', 'm2', 's1', 's2', 'm3']) await jobs.end(name);
    expect(jobs.begun).to.deep.equal(['m1', 'm2', 's1', 's2', 'm3', 'm4']);
  });

  it('lets a waiting job go at once when its caller leaves', async () => {
    const jobs = controlledJobs(new RtnlLane(), never);
    for (const name of ['a', 'b']) void jobs.add(name, 'move');
    const leaving = new AbortController();
    const left = jobs.add('left', 'move', leaving.signal);
    void jobs.add('c', 'move');
    const reason = new ForwarderError('timed-out', 'moving took longer than 5 ms');
    leaving.abort(reason);
    expect(await failure('timed-out', left)).to.equal(reason);
    for (const name of ['a', 'b']) await jobs.end(name);
    expect(jobs.begun).to.deep.equal(['a', 'b', 'c']);
  });

  it('answers a caller who leaves a stuck job at once, but keeps its place taken', async () => {
    const jobs = controlledJobs(new RtnlLane(), never);
    const leaving = new AbortController();
    const stuck = jobs.add('stuck', 'move', leaving.signal);
    void jobs.add('a', 'move');
    void jobs.add('b', 'move');
    leaving.abort();
    await failure('cancelled', stuck);
    expect(jobs.begun).to.deep.equal(['stuck', 'a']);
    await jobs.end('stuck');
    expect(jobs.begun).to.deep.equal(['stuck', 'a', 'b']);
  });

  it('does not begin for a caller who has left already', async () => {
    const jobs = controlledJobs(new RtnlLane(), never);
    await failure('cancelled', jobs.add('a', 'short', AbortSignal.abort()));
    expect(jobs.begun).to.deep.equal([]);
  });

  it('lets any number of jobs wait under one signal, and leaves no listener on it', async () => {
    const lane = new RtnlLane();
    const { signal } = new AbortController();
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => warnings.push(warning);
    process.on('warning', onWarning);
    await Promise.all(Array.from({ length: 50 }, (_, i) => lane.run('short', signal, async () => i)));
    await new Promise(setImmediate);
    process.off('warning', onWarning);
    expect(warnings).to.deep.equal([]);
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('goes on after a job that fails', async () => {
    const lane = new RtnlLane();
    const broken = () => Promise.reject(new ForwarderError('busy', 'no'));
    await Promise.all(Array.from({ length: 5 }, () => failure('busy', lane.run('short', never, broken))));
    expect(await lane.run('move', never, async () => 'done')).to.equal('done');
  });
});
