import { expect } from 'chai';
import { Registration, type RegistrationParts } from '../../../src/forwarder/grpc/registration.js';
import { tokensValid } from '../../../src/policies/path-policies.js';
import { ForwarderError } from '../../../src/ports/error.js';
import { SimClock } from '../../sim/clock.js';
import { keptLog } from '../../transport/support/kept-log.js';
import { ManagerDouble } from './manager-double.js';

describe('a registration', () => {
  let clock: SimClock;
  let manager: ManagerDouble;
  let ending: AbortController;
  let registration: Registration;
  const log = keptLog();

  function create(given: Partial<RegistrationParts> = {}): Registration {
    return new Registration({
      channels: manager.channels,
      manager: 'unix:///nsm.io.sock',
      name: 'forwarder',
      services: ['forwarder', 'sriovns'],
      labels: { p2p: 'true' },
      url: 'unix:///here.sock',
      byPath: false,
      policies: [],
      onManager: () => undefined,
      clock,
      log,
      signal: ending.signal,
      ...given,
    });
  }

  beforeEach(() => {
    clock = new SimClock();
    manager = new ManagerDouble(() => clock.wallTime());
    ending = new AbortController();
    log.lines.length = 0;
    registration = create();
  });

  afterEach(() => ending.abort(new ForwarderError('cancelled', 'the test is over')));

  it('says name, services, labels, the passed socket and an empty path', async () => {
    await registration.start();

    const [first] = manager.told;
    expect(first?.endpoint).to.deep.include({
      name: 'forwarder',
      networkServiceNames: ['forwarder', 'sriovns'],
      networkServiceLabels: { forwarder: { labels: { p2p: 'true' } }, sriovns: { labels: { p2p: 'true' } } },
      url: 'inode://1/10',
    });
    expect(first?.path).to.equal('{"Index":0,"PathSegments":null}');
  });

  it('says the path of its socket where the manager knows it by that', async () => {
    await create({ byPath: true }).start();
    expect(manager.told.at(0)?.endpoint.url).to.equal('unix:///here.sock');
  });

  it('is refreshed at two thirds of its life with the last answer, without its end, and the path that came', async () => {
    await registration.start();
    await clock.advance(39_000);
    expect(manager.count('Register')).to.equal(1);
    await clock.advance(1_000);

    const refreshed = manager.told.filter(({ method }) => method === 'Register').at(1);
    expect(refreshed?.endpoint).to.deep.include({ expirationTime: undefined, pathIds: ['spiffe://test/forwarder'] });
    expect(refreshed?.path).to.equal(manager.path);
  });

  it('is refreshed in time however short its life is, as with certificates that live one minute', async () => {
    manager.lifetimeMs = 3_000;
    await registration.start();
    await clock.advance(20_000);
    expect(manager.count('Register')).to.be.within(10, 11);
  });

  it('tells the manager no deadline: managers end a registration by so much earlier', async () => {
    const timeouts: (number | undefined)[] = [];
    const { use } = manager.channels;
    const channels: RegistrationParts['channels'] = {
      use: (target, signal, work) =>
        use(target, signal, (connection) =>
          work({
            ...connection,
            unary: (method: never, request: never, options: { timeoutMs?: number; signal: AbortSignal }) => {
              timeouts.push(options.timeoutMs);
              return connection.unary(method, request, options);
            },
          } as never),
        ),
    };
    await create({ channels }).start();
    expect(timeouts).to.deep.equal([undefined]);
  });

  it('is made again at once when the manager goes away, and no sooner than it is back', async () => {
    await registration.start();
    await clock.advance(20_000);
    manager.refusal = new ForwarderError('unavailable', 'nobody listens there');
    manager.endWatches(new ForwarderError('unavailable', 'connection lost'));
    await clock.advance(2_000);
    const tries = manager.count('Register');
    expect(tries).to.be.within(5, 10);

    manager.refusal = undefined;
    await clock.advance(400);
    expect(manager.count('Register')).to.equal(tries + 1);
    expect(manager.watches).to.equal(1);
  });

  it('is made again at once when the registry has forgotten it', async () => {
    await registration.start();
    await clock.advance(20_000);
    const [{ endpoint } = { endpoint: undefined }] = manager.told;
    manager.say({ networkServiceEndpoint: endpoint, deleted: true });
    await clock.advance(1);
    expect(manager.count('Register')).to.equal(2);
  });

  it('does not mind news of others', async () => {
    await registration.start();
    const [{ endpoint } = { endpoint: undefined }] = manager.told;
    if (endpoint !== undefined) manager.say({ networkServiceEndpoint: { ...endpoint, name: 'other' }, deleted: true });
    await clock.advance(1_000);
    expect(manager.count('Register')).to.equal(1);
  });

  it('is made again more and more rarely where a manager ends every watch', async () => {
    await registration.start();
    for (let i = 0; i < 600; i += 1) {
      manager.endWatches();
      await clock.advance(100);
    }
    expect(manager.count('Register')).to.be.below(25);
  });

  it('is tried ever more rarely, never given up, where it is refused', async () => {
    manager.refusal = new ForwarderError('denied', 'no sufficient privileges');
    const registered = registration.start();
    await clock.advance(60_000);
    expect(manager.count('Register')).to.be.within(15, 25);
    manager.refusal = undefined;
    await clock.advance(5_000);
    await registered;
  });

  it('is taken back at the end, with its path, and not made again', async () => {
    await registration.start();
    await registration.stop(new AbortController().signal);
    await clock.advance(120_000);

    expect(manager.told.at(-1)).to.deep.include({ method: 'Unregister', path: manager.path });
    expect(manager.count('Register')).to.equal(1);
    expect([clock.pending, manager.watches]).to.deep.equal([0, 0]);
  });

  it('tells who the manager is before it asks for anything', async () => {
    const told: unknown[] = [];
    await create({ onManager: (spiffeId) => told.push([spiffeId, manager.count('Register')]) }).start();
    expect(told).to.deep.equal([['spiffe://test/manager', 0]]);
  });

  it('is taken back when the answer breaks a policy, and asked for again', async () => {
    const registered = create({ policies: [tokensValid] }).start();
    await clock.advance(50);
    expect(manager.told.map(({ method }) => method)).to.deep.equal(['Register', 'Unregister']);
    expect(log.lines.at(-1)).to.include('spiffe://test/manager').and.to.include('common/tokens_valid');

    manager.path = JSON.stringify({ Index: 0, PathSegments: [] });
    await clock.advance(5_000);
    await registered;
  });

  it('stays when the answer to a refresh breaks a policy: what was accepted is good until its end', async () => {
    manager.path = undefined;
    await create({ policies: [tokensValid] }).start();
    manager.path = JSON.stringify({ Index: 0, PathSegments: [{ token: 'nonsense' }] });
    await clock.advance(50_000);
    expect(manager.count('Register')).to.be.above(2);
    expect(manager.count('Unregister')).to.equal(0);
  });

  it('S7: logs no token of the path, whatever the manager sends for it', async () => {
    manager.path = '{"Index":0,"PathSegments":[{"token":"secret"';
    const registered = registration.start().catch(() => undefined);
    await clock.advance(1_000);
    ending.abort(new ForwarderError('cancelled', 'enough'));
    await registered;
    expect(log.lines).not.to.be.empty;
    expect(log.lines.filter((line) => line.includes('secret'))).to.deep.equal([]);
  });

  it('leaves nothing behind when the process ends', async () => {
    await registration.start();
    ending.abort(new ForwarderError('cancelled', 'the process ends'));
    await clock.advance(0);
    expect([clock.pending, manager.watches]).to.deep.equal([0, 0]);
  });
});
