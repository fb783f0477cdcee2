import { expect } from 'chai';
import { Admission } from '../../src/daemon/admission.js';
import { offerFromPool } from '../../src/daemon/offer-from-pool.js';
import { TakeBack } from '../../src/daemon/take-back.js';
import type { SupposedOwner } from '../../src/deviceplugin/owner-lookup.js';
import type { TokenOwner } from '../../src/deviceplugin/pod-resources.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { TokenUsers } from '../../src/resourcepool/token-users.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { allocated, owner, poolOf } from '../resourcepool/nodes.js';
import { SimClock } from '../sim/clock.js';
import { failing, never } from '../sim/expectations.js';
import { SimNode } from '../sim/node.js';

const [anna, bert] = [owner('anna'), owner('bert')] as const;
const NAME = 'd/intel';
const graceMs = 30_000;
const patienceMs = 10_000;

describe('tokens and the pods that have them', () => {
  let clock: SimClock;
  let pool: ResourcePool;
  let log: RecordedLog;
  let users: TokenUsers;
  let token: TokenId;
  let closed: string[];
  /** What closing a connection does. */
  let close: (connection: string) => Promise<void>;
  let offer: ReturnType<typeof offerFromPool>;

  beforeEach(() => {
    clock = new SimClock();
    log = new RecordedLog();
    pool = poolOf(['01:00.0', [NAME], [['01:10.0'], ['01:10.1']]]);
    users = new TokenUsers(new SimNode().journal);
    closed = [];
    close = async (connection) => {
      closed.push(connection);
      for (const { address } of pool.functions()) pool.release(address, owner(connection));
    };
    const takeBack = new TakeBack({ pool, close: (id) => close(id), clock, log, graceMs, signal: never });
    offer = offerFromPool(pool, (tokens) => {
      users.release(tokens);
      takeBack.podsGone(tokens);
    });
    token = allocated(pool, NAME);
  });

  const claim = (by = anna) => pool.claim({ token, owner: by, driver: 'kernel' });

  describe('a VF whose pod is gone although its connection never closed', () => {
    it('is taken back after the grace, and not before', async () => {
      const { function: vf } = claim();
      offer.free([token]);
      await clock.advance(graceMs - 1);
      expect(closed).to.deep.equal([]);
      await clock.advance(1);
      expect(closed).to.deep.equal([anna]);
      expect(pool.function(vf)?.use.kind).to.equal('free');
      expect(log.lines.join('\n')).to.contain('the pod of these connections is gone');
      expect(clock.pending).to.equal(0);
    });

    it('is left alone when the connection closes in time, or when the VF never was in use', async () => {
      const { function: vf } = claim();
      offer.free([token]);
      await clock.advance(graceMs / 2);
      pool.release(vf, anna);
      offer.allocate([token]);
      claim(bert);
      offer.free([pool.tokens(NAME)[1]?.id ?? '']);
      await clock.advance(10 * graceMs);
      expect(closed).to.deep.equal([]);
    });

    it('is taken back from all who share it', async () => {
      claim();
      claim(bert);
      offer.free([token]);
      await clock.advance(graceMs);
      expect(closed).to.have.members([anna, bert]);
    });

    it('is tried again when closing fails', async () => {
      claim();
      const well = close;
      close = async () => {
        throw new ForwarderError('busy', 'the netdev is away');
      };
      offer.free([token]);
      await clock.advance(graceMs);
      expect(log.lines.join('\n')).to.contain('the netdev is away');
      close = well;
      await clock.advance(graceMs);
      expect(closed).to.deep.equal([anna]);
      expect(clock.pending).to.equal(0);
    });

    it('is taken back once, however often kubelet says so, and the next pod’s connection is not touched', async () => {
      const { function: vf } = claim();
      offer.allocate([token]);
      offer.free([token]);
      offer.allocate([token]);
      await clock.advance(graceMs);
      expect(closed).to.deep.equal([anna]);
      expect(claim(bert).function).to.equal(vf);
      await clock.advance(10 * graceMs);
      expect(closed).to.deep.equal([anna]);
    });
  });

  describe('a client that wants to use a token', () => {
    const [annasId, bertsId] = ['spiffe://test/ns/default/pod/anna', 'spiffe://test/ns/default/pod/bert'] as const;
    const template = 'spiffe://test/ns/{namespace}/pod/{pod}';
    const asked: SupposedOwner[] = [];
    const ownedBy = (pod?: string) => async (_token: TokenId, supposed: SupposedOwner) => {
      asked.push(supposed);
      return pod === undefined
        ? undefined
        : ({ namespace: 'default', pod, container: 'c', resource: NAME } satisfies TokenOwner);
    };
    const admission = (more: { template?: string; ownerOf?: ReturnType<typeof ownedBy> } = {}) =>
      new Admission({ pool, clock, patienceMs, users, ownerOf: ownedBy(), ...more });

    it('S4: is admitted as its first user; any other is refused until kubelet takes the token back', async () => {
      const door = admission();
      await door.admit(token, annasId, never);
      door.admitted(token, annasId);
      await failing('denied', door.admit(token, bertsId, never));
      await failing('denied', door.admit(token, undefined, never));
      offer.free([token]);
      offer.allocate([token]);
      await door.admit(token, bertsId, never);
    });

    it('is asked for its pod where SPIFFE ids name pods, and kubelet decides', async () => {
      await admission({ template, ownerOf: ownedBy('anna') }).admit(token, annasId, never);
      expect(asked.at(-1)).to.deep.equal({ namespace: 'default', pod: 'anna' });
      for (const pod of ['bert', undefined]) {
        const door = admission({ template, ownerOf: ownedBy(pod) });
        const error = await failing('denied', door.admit(token, annasId, never));
        expect(error.message).to.contain(`is not of the pod that ${annasId} names`);
      }
    });

    it('is refused when its SPIFFE id names no pod, or it has none', async () => {
      const door = admission({ template, ownerOf: ownedBy('anna') });
      for (const user of ['spiffe://test/ns/default/pod/a/b', 'spiffe://other/ns/default/pod/anna', undefined]) {
        const error = await failing('denied', door.admit(token, user, never));
        expect(error.message).to.contain(`does not follow ${template}`);
      }
    });

    it('is compared by what the template has, its dots taken as they are', async () => {
      const door = admission({ template: 'spiffe://te.st/{pod}', ownerOf: ownedBy('anna') });
      await door.admit(token, 'spiffe://te.st/anna', never);
      await failing('denied', door.admit(token, 'spiffe://teXst/anna', never));
    });

    it('waits for the VF on its way home from the token’s last pod, and gets it', async () => {
      const { function: vf } = claim();
      offer.allocate([token]);
      const admitted = admission().admit(token, bertsId, never);
      await clock.advance(patienceMs / 2);
      pool.release(vf, anna);
      await admitted;
      expect(claim(bert).function).to.equal(vf);
      expect(clock.now()).to.equal(patienceMs / 2);
    });

    it('gets a clear error when the VF does not come home in time, never somebody else’s netdev', async () => {
      claim();
      offer.allocate([token]);
      const admitted = admission().admit(token, bertsId, never);
      await clock.advance(patienceMs);
      await admitted;
      expect(() => claim(bert))
        .to.throw(/has a new pod, but VF 0000:01:10\.0 is not yet home from the pod before/)
        .with.property('kind', 'busy');
    });

    it('does not wait for a VF that its own pod has in use, and leaves when its caller does', async () => {
      claim();
      await admission().admit(token, bertsId, never);
      offer.allocate([token]);
      const leaving = new AbortController();
      const admitted = admission().admit(token, bertsId, leaving.signal);
      leaving.abort(new ForwarderError('cancelled', 'the caller left'));
      expect((await failing('cancelled', admitted)).message).to.equal('the caller left');
      expect(clock.pending).to.equal(1); // what waits to take the VF back
    });
  });
});
