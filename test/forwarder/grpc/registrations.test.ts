import { expect } from 'chai';
import { Registrations } from '../../../src/forwarder/grpc/registrations.js';
import { ForwarderError } from '../../../src/ports/error.js';
import { SimClock } from '../../sim/clock.js';
import { keptLog } from '../../transport/support/kept-log.js';
import { ManagerDouble } from './manager-double.js';

describe('registrations under several names', () => {
  let clock: SimClock;
  let manager: ManagerDouble;
  let ending: AbortController;
  let registrations: Registrations;

  beforeEach(() => {
    clock = new SimClock();
    manager = new ManagerDouble(() => clock.wallTime());
    ending = new AbortController();
    registrations = new Registrations({
      channels: manager.channels,
      manager: 'unix:///nsm.io.sock',
      services: ['forwarder'],
      labels: {},
      url: 'unix:///here.sock',
      byPath: false,
      policies: [],
      onManager: () => undefined,
      clock,
      log: keptLog(),
      signal: ending.signal,
    });
  });

  afterEach(() => ending.abort(new ForwarderError('cancelled', 'the test is over')));

  const registered = () => manager.told.filter(({ method }) => method === 'Register').map(({ endpoint }) => endpoint);

  it('lead to the same socket, each with a life of its own', async () => {
    await registrations.add('new');
    await clock.advance(10_000);
    await registrations.add('old');
    await clock.advance(30_000);

    expect(registered().map(({ name, url }) => [name, url])).to.deep.equal([
      ['new', 'inode://1/10'],
      ['old', 'inode://1/10'],
      ['new', 'inode://1/10'],
    ]);
  });

  it('are made once each, however often they are asked for', async () => {
    await Promise.all([registrations.add('one'), registrations.add('one')]);
    expect(registered()).to.have.length(1);
    expect(registrations.names).to.deep.equal(['one']);
  });

  it('are taken back one by one, and the others go on', async () => {
    await registrations.add('new');
    await registrations.add('old');
    await registrations.remove('old', ending.signal);
    await clock.advance(40_000);

    expect(registrations.names).to.deep.equal(['new']);
    expect(registered().map(({ name }) => name)).to.deep.equal(['new', 'old', 'new']);
    expect(
      manager.told.filter(({ method }) => method === 'Unregister').map(({ endpoint }) => endpoint.name),
    ).to.deep.equal(['old']);
  });

  it('L10: are all taken back at the end, also when one was never granted', async () => {
    await registrations.add('new');
    manager.refusal = new ForwarderError('denied', 'another has this name');
    const waiting = registrations.add('old').catch((error: unknown) => error);
    await clock.advance(1_000);
    await registrations.stop(ending.signal);

    expect(await waiting)
      .to.be.instanceOf(ForwarderError)
      .with.property('kind', 'cancelled');
    expect(manager.count('Unregister')).to.equal(1);
    expect([clock.pending, manager.watches]).to.deep.equal([0, 0]);
  });
});
