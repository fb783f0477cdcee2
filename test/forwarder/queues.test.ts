import { expect } from 'chai';
import { Queues } from '../../src/forwarder/chain/queues.js';
import { ForwarderError } from '../../src/ports/error.js';

function gate() {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

describe('Queues', () => {
  it('runs the jobs of one key one after another, in order of arrival', async () => {
    const queues = new Queues();
    const log: string[] = [];
    const first = gate();
    const jobs = [
      queues.run('c', async () => {
        log.push('1 begins');
        await first.passed;
        log.push('1 ends');
      }),
      queues.run('c', async () => void log.push('2')),
      queues.run('c', async () => void log.push('3')),
    ];
    await Promise.resolve();
    first.open();
    await Promise.all(jobs);
    expect(log).to.deep.equal(['1 begins', '1 ends', '2', '3']);
  });

  it('does not let one key wait for another', async () => {
    const queues = new Queues();
    const blocked = gate();
    const waiting = queues.run('a', () => blocked.passed);
    expect(await queues.run('b', async () => 'done')).to.equal('done');
    blocked.open();
    await waiting;
  });

  it('L12: a cancelled caller leaves the queue at once and its job never runs', async () => {
    const queues = new Queues();
    const blocked = gate();
    const running = queues.run('c', () => blocked.passed);
    const controller = new AbortController();
    let ran = false;
    const waiting = queues.run(
      'c',
      async () => {
        ran = true;
      },
      controller.signal,
    );
    controller.abort(new ForwarderError('cancelled', 'the caller left'));
    const error = await waiting.catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ForwarderError).with.property('kind', 'cancelled');
    blocked.open();
    await running;
    expect(await queues.run('c', async () => ran)).to.equal(false);
  });

  it('keeps the order for those behind a caller that left', async () => {
    const queues = new Queues();
    const blocked = gate();
    const log: string[] = [];
    const running = queues.run('c', async () => {
      await blocked.passed;
      log.push('first ends');
    });
    const controller = new AbortController();
    const left = queues.run('c', async () => undefined, controller.signal).catch(() => log.push('second left'));
    const third = queues.run('c', async () => void log.push('third runs'));
    controller.abort();
    await left;
    blocked.open();
    await Promise.all([running, third]);
    expect(log).to.deep.equal(['second left', 'first ends', 'third runs']);
  });

  it('goes on after a job that fails, and remembers no key without work', async () => {
    const queues = new Queues();
    const failed = queues.run('c', () => Promise.reject(new Error('no')));
    expect(await failed.catch(String)).to.equal('Error: no');
    expect(await queues.run('c', async () => 'next')).to.equal('next');
    await new Promise((resolve) => setImmediate(resolve));
    expect(queues.size).to.equal(0);
  });
});
