import { expect } from 'chai';
import fc from 'fast-check';
import { LinkHold, type SeenLink } from '../../src/daemon/link-hold.js';
import { watchLinks } from '../../src/daemon/link-watch.js';
import type { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { allocated, owner, pci, poolOf } from '../resourcepool/nodes.js';
import { SimClock } from '../sim/clock.js';
import { never } from '../sim/expectations.js';
import { SimNode } from '../sim/node.js';

const holdMs = 10_000;
const [pf, otherPf] = [pci('01:00.0'), pci('02:00.0')] as const;
const NAME = 'd/intel';

describe('the link of a PF', () => {
  let node: SimNode;
  let clock: SimClock;
  let pool: ResourcePool;
  let log: RecordedLog;
  let stopping: AbortController;
  let watching: Promise<void>;

  beforeEach(async () => {
    node = new SimNode({
      pfs: [
        { address: pf, name: 'pf0', vfs: 2 },
        { address: otherPf, name: 'pf1', vfs: 1 },
      ],
    });
    clock = new SimClock();
    log = new RecordedLog();
    pool = poolOf(['01:00.0', [NAME], [['01:10.0'], ['01:10.1']]], ['02:00.0', [NAME], [['02:10.0']]]);
    stopping = new AbortController();
    const parts = {
      physicalFunctions: () => [pf, otherPf],
      pci: node.bus,
      namespaces: node.namespaces,
      pool,
      clock,
      log,
      holdMs,
    };
    watching = watchLinks(parts, stopping.signal);
    await clock.advance(holdMs);
  });

  afterEach(async () => {
    stopping.abort();
    await watching;
    expect(clock.pending).to.equal(0);
  });

  const healthy = () => pool.tokens(NAME).filter((token) => token.healthy).length;

  it('that is lost for long enough makes as many tokens unhealthy as it has free VFs, until it is back as long', async () => {
    node.plug(pf, false);
    await clock.advance(holdMs - 1_000);
    expect(healthy()).to.equal(3);
    await clock.advance(4_000);
    expect(healthy()).to.equal(1);
    expect(log.lines.at(-1)).to.contain('has lost its link');
    node.plug(pf, true);
    await clock.advance(holdMs - 1_000);
    expect(healthy()).to.equal(1);
    await clock.advance(4_000);
    expect(healthy()).to.equal(3);
    expect(log.lines.at(-1)).to.contain('has its link again');
  });

  it('leaves VFs in use alone: their tokens stay healthy, so that their containers can restart', async () => {
    const token = allocated(pool, NAME);
    const claim = pool.claim({ token, owner: owner('anna'), driver: 'kernel' });
    node.plug(claim.physicalFunction, false);
    await clock.advance(2 * holdMs);
    expect(pool.token(token)).to.deep.include({ state: 'in-use', healthy: true });
  });

  it('that flaps changes nothing', async () => {
    for (let n = 0; n < 20; n++) {
      node.plug(pf, n % 2 === 1);
      await clock.advance(holdMs / 2);
      expect(healthy()).to.equal(3);
    }
  });

  it('is lost with the netdev that showed it, and when that is taken down', async () => {
    const link = await node.namespaces.home.links.find({ name: 'pf0' }, never);
    await node.namespaces.home.links.change(link?.index ?? 0, { up: false }, never);
    await clock.advance(2 * holdMs);
    expect(healthy()).to.equal(1);
  });

  it('says nothing where nobody has brought the port up', async () => {
    const fresh = new SimNode({ pfs: [{ address: pf, name: 'pf0', vfs: 2 }] });
    const link = await fresh.namespaces.home.links.find({ name: 'pf0' }, never);
    await fresh.namespaces.home.links.change(link?.index ?? 0, { up: false }, never);
    const ending = new AbortController();
    const { bus, namespaces } = fresh;
    const watch = watchLinks(
      { physicalFunctions: () => [pf], pci: bus, namespaces, pool, clock, log, holdMs },
      ending.signal,
    );
    await clock.advance(3 * holdMs);
    expect(healthy()).to.equal(3);
    ending.abort();
    await watch;
  });
});

describe('holding a link down', () => {
  it('believes what was seen without a break for the whole time, and nothing else', () => {
    const step = fc.record({
      seen: fc.constantFrom<SeenLink>('link', 'no link', 'unknown'),
      wait: fc.nat({ max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const hold = new LinkHold(100);
        let now = 0;
        let believed = 'link';
        let run = { seen: 'link' as SeenLink, since: 0 };
        for (const { seen, wait } of steps) {
          now += wait;
          if (seen !== run.seen) run = { seen, since: now };
          if (seen !== 'unknown' && now - run.since >= 100) believed = seen;
          expect(hold.look(seen, now)).to.equal(believed);
        }
      }),
    );
  });
});
