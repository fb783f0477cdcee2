import { expect } from 'chai';
import { allocated, catalogueOf, owner, pci, poolOf, poolWith, snapshot } from './nodes.js';

const [anna, bert] = [owner('anna'), owner('bert')] as const;
const [pf, otherPf] = [pci('01:00.0'), pci('02:00.0')] as const;
const names = ['d/intel', 'd/10G'];
const node = () =>
  poolOf(['01:00.0', names, [['01:10.0'], ['01:10.1']]], ['02:00.0', ['d/intel'], [['02:10.0'], ['02:10.1']]]);

describe('a PF that is withheld', () => {
  it('has none of its functions given out, and as many tokens of each of its names unhealthy, free ones first', () => {
    const pool = node();
    const token = allocated(pool, 'd/intel');
    expect(pool.withhold(pf, 'its port has no link')).to.equal(true);
    const intel = pool.tokens('d/intel');
    expect(intel.map(({ state }) => state)).to.deep.equal(['allocated', 'closed', 'closed', 'free']);
    expect(pool.tokens('d/10G').map(({ healthy }) => healthy)).to.deep.equal([false, false]);
    expect(pool.claim({ token, owner: anna, driver: 'kernel' }).physicalFunction).to.equal(otherPf);
  });

  it('is as it was when it is offered again', () => {
    const pool = node();
    allocated(pool, 'd/10G');
    const before = snapshot(pool);
    pool.withhold(pf, 'no link');
    expect(pool.offerAgain(pf)).to.equal(true);
    expect(snapshot(pool)).to.deep.equal(before);
    expect(pool.offerAgain(pf)).to.equal(false);
  });

  it('leaves functions with whoever has them, and their tokens healthy; one that is released is not given out', () => {
    const pool = node();
    const token = allocated(pool, 'd/10G');
    const { function: vf } = pool.claim({ token, owner: anna, driver: 'kernel' });
    pool.withhold(pf, 'no link');
    expect(pool.token(token)).to.deep.include({ state: 'in-use', healthy: true });
    pool.release(vf, anna);
    expect(pool.function(vf)?.use).to.deep.equal({ kind: 'withheld', reason: 'no link' });
    expect(() => pool.claim({ token, owner: anna, driver: 'kernel' }))
      .to.throw(/closed: VF 0000:01:10\.\d is held back: no link/)
      .with.property('kind', 'refused');
    pool.offerAgain(pf);
    expect(pool.claim({ token, owner: anna, driver: 'kernel' }).function).to.equal(vf);
  });

  it('gives a function back to the connection that had it before a restart', () => {
    const pool = node();
    const token = allocated(pool, 'd/10G');
    pool.withhold(pf, 'no link');
    const vf = pci('01:10.1');
    expect(pool.adopt({ token, owner: anna, driver: 'kernel', function: vf }).function).to.equal(vf);
    expect(pool.function(pci('01:10.0'))?.use.kind).to.equal('withheld');
  });

  it('keeps what is released although its token goes back to a VF that no longer counts under its name', () => {
    const pool = poolOf(
      ['01:00.0', ['d/intel'], [['01:10.0']]],
      ['02:00.0', ['d/intel'], [['02:10.0', 7], ['02:10.1', 7]]], // biome-ignore format: a row
    );
    const [token, other] = [allocated(pool, 'd/intel', 0), allocated(pool, 'd/intel', 1)];
    pool.claim({ token: other, owner: bert, driver: 'vfio-pci' });
    const former = pool.claim({ token, owner: anna, driver: 'vfio-pci' });
    const vf = pool.claim({ token, owner: anna, driver: 'kernel' });
    expect(vf).to.include({ physicalFunction: pf, supersedes: former.function });
    pool.amend(catalogueOf(['01:00.0', ['d/intel'], [['01:10.0']]]));
    pool.withhold(pf, 'no link');
    expect(pool.release(vf.function, anna)).to.equal(true);
    expect(pool.function(vf.function)?.use.kind).to.equal('withheld');
    expect(pool.token(token)).to.deep.include({ state: 'in-use', function: former.function });
  });

  it('keeps a function from quarantine only in so far as it is free', () => {
    const pool = node();
    const vf = pci('01:10.0');
    pool.withhold(pf, 'no link');
    pool.quarantine(vf, 'no netdev', 'kernel');
    pool.offerAgain(pf);
    expect(pool.function(vf)?.use.kind).to.equal('quarantined');
    pool.withhold(pf, 'no link');
    pool.recover(vf);
    expect(pool.function(vf)?.use.kind).to.equal('withheld');
  });

  it('says why in the report, and tells nobody of the same reason twice', () => {
    const pool = node();
    pool.withhold(pf, 'no link');
    let told = 0;
    using _listening = pool.onChange(() => told++);
    expect(pool.withhold(pf, 'no link')).to.equal(false);
    expect(told).to.equal(0);
    expect(pool.withhold(pf, 'no driver')).to.equal(true);
    expect(pool.report().physicalFunctions).to.deep.equal([
      { address: pf, total: 2, free: 0, withheld: 'no driver' },
      { address: otherPf, total: 2, free: 2 },
    ]);
    expect(pool.report().held.map(({ use }) => use)).to.deep.equal([
      { kind: 'withheld', reason: 'no driver' },
      { kind: 'withheld', reason: 'no driver' },
    ]);
  });

  it('that is not there is an error', () => {
    for (const verb of ['withhold', 'offerAgain'] as const) {
      expect(() => node()[verb](pci('09:00.0'), 'no link'))
        .to.throw(/not a PF of this pool/)
        .with.property('kind', 'not-found');
    }
  });
});

describe('tokens that keep to a PF', () => {
  const rows = [
    ['01:00.0', names, [['01:10.0'], ['01:10.1']]],
    ['02:00.0', names, [['02:10.0'], ['02:10.1'], ['02:10.2']]],
  ] as const;
  const steady = () => poolWith({ tokensKeepToPhysicalFunction: true }, ...rows);

  it('say which, and get its functions although another PF has more free ones', () => {
    const pool = steady();
    expect(pool.tokens('d/intel').map(({ home }) => home)).to.deep.equal([pf, pf, otherPf, otherPf, otherPf]);
    const token = allocated(pool, 'd/intel', 1);
    expect(pool.claim({ token, owner: anna, driver: 'kernel' }).function).to.equal(pci('01:10.0'));
  });

  it('of other names close where the function is taken', () => {
    const pool = steady();
    pool.claim({ token: allocated(pool, 'd/intel', 3), owner: anna, driver: 'kernel' });
    expect(pool.tokens('d/10G').map(({ state }) => state)).to.deep.equal(['free', 'free', 'closed', 'free', 'free']);
  });

  it('get a function elsewhere when their PF has none left', () => {
    const pool = steady();
    for (const [index, vf] of [pci('01:10.0'), pci('01:10.1')].entries()) {
      pool.adopt({ token: allocated(pool, 'd/intel', 2 + index), owner: bert, driver: 'kernel', function: vf });
    }
    const token = allocated(pool, 'd/intel');
    expect(pool.token(token)?.home).to.equal(pf);
    expect(pool.claim({ token, owner: anna, driver: 'kernel' }).physicalFunction).to.equal(otherPf);
  });
});
