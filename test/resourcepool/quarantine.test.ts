import { expect } from 'chai';
import { allocated, owner, pci, poolOf, snapshot } from './nodes.js';

const [anna, bert] = [owner('anna'), owner('bert')] as const;
const vf = pci('01:10.0');
const node = () =>
  poolOf([
    '01:00.0',
    ['d/intel', 'd/10G'],
    [
      ['01:10.0', 1],
      ['01:10.1', 1],
    ],
  ]);

describe('quarantine', () => {
  it('keeps a claimed function from everybody, and its token answers with the VF and the reason', () => {
    const pool = node();
    const token = allocated(pool, 'd/intel');
    pool.claim({ token, owner: anna, driver: 'kernel' });
    pool.quarantine(vf, 'it is still in namespace 4/4026532');
    expect(() => pool.claim({ token, owner: anna, driver: 'kernel' }))
      .to.throw(/VF 0000:01:10\.0 is in quarantine: it is still in namespace 4\/4026532/)
      .with.property('kind', 'busy');
    expect(pool.token(token)).to.deep.include({ state: 'quarantined', healthy: false, heldByPod: true, function: vf });
    expect(pool.release(vf, anna), 'its owners have lost it').to.equal(false);
    const next = allocated(pool, 'd/intel', 1);
    expect(pool.claim({ token: next, owner: bert, driver: 'kernel' }).function).to.equal(pci('01:10.1'));
  });

  it('ends with the function free and the token where kubelet wants it', () => {
    for (const [verb, state] of [
      ['free', 'free'],
      ['allocate', 'allocated'],
    ] as const) {
      const pool = node();
      const token = allocated(pool, 'd/intel');
      pool.claim({ token, owner: anna, driver: 'kernel' });
      pool.quarantine(vf, 'broken');
      pool[verb]([token]);
      expect(pool.recover(vf)).to.equal(true);
      expect(pool.token(token)?.state).to.equal(state);
      expect(pool.function(vf)?.use).to.deep.equal({ kind: 'free' });
      expect(pool.recover(vf)).to.equal(false);
    }
  });

  it('does not let kubelet give out a token that is in quarantine and no pod’s', () => {
    const pool = node();
    const token = allocated(pool, 'd/intel');
    pool.claim({ token, owner: anna, driver: 'kernel' });
    pool.quarantine(vf, 'broken');
    pool.free([token]);
    expect(() => pool.allocate([token]))
      .to.throw(/in quarantine with VF 0000:01:10\.0/)
      .with.property('kind', 'refused');
    expect(() => pool.claim({ token, owner: anna, driver: 'kernel' }))
      .to.throw()
      .with.property('kind', 'refused');
  });

  it('of a free function closes one token of each of its names, and ends as it began', () => {
    const pool = node();
    allocated(pool, 'd/10G');
    const before = snapshot(pool);
    pool.quarantine(vf, 'no driver');
    expect(pool.tokens('d/intel').map(({ state }) => state)).to.deep.equal(['closed', 'free']);
    expect(pool.tokens('d/10G').map(({ state }) => state)).to.deep.equal(['allocated', 'closed']);
    expect(pool.report().held).to.deep.equal([
      {
        address: vf,
        physicalFunction: pci('01:00.0'),
        vfIndex: 0,
        iommuGroup: 1,
        use: { kind: 'quarantined', reason: 'no driver' },
      },
    ]);
    pool.recover(vf);
    expect(snapshot(pool)).to.deep.equal(before);
  });

  it('keeps the group pinned to the driver that the function may still have', () => {
    const pool = node();
    pool.claim({ token: allocated(pool, 'd/intel'), owner: anna, driver: 'vfio-pci' });
    pool.quarantine(vf, 'a process has the group open');
    const token = allocated(pool, 'd/intel', 1);
    expect(() => pool.claim({ token, owner: bert, driver: 'kernel' }))
      .to.throw()
      .with.property('kind', 'exhausted');
    pool.recover(vf);
    expect(pool.claim({ token, owner: bert, driver: 'kernel' }).function).to.equal(vf);
  });

  it('of a free function pins its group to the driver that it may have, unless the group serves the other one', () => {
    const pool = node();
    pool.quarantine(vf, 'bound to vfio-pci when the daemon started', 'vfio-pci');
    expect(pool.function(vf)?.use).to.deep.include({ driver: 'vfio-pci' });
    const token = allocated(pool, 'd/intel', 1);
    expect(() => pool.claim({ token, owner: bert, driver: 'kernel' }))
      .to.throw()
      .with.property('kind', 'exhausted');
    pool.quarantine(pci('01:10.1'), 'its netdev is gone', 'kernel');
    expect(pool.function(pci('01:10.1'))?.use).not.to.have.property('driver');
    pool.recover(vf);
    expect(pool.report().groups).to.deep.equal([]);
  });

  it('takes a new reason, and tells nobody of the same one', () => {
    const pool = node();
    let told = 0;
    pool.quarantine(vf, 'no driver');
    using _listening = pool.onChange(() => told++);
    pool.quarantine(vf, 'no driver');
    expect(told).to.equal(0);
    pool.quarantine(vf, 'no netdev');
    expect(told).to.equal(1);
    expect(pool.function(vf)?.use).to.deep.include({ reason: 'no netdev' });
  });

  it('of something that is not in the pool is an error', () => {
    for (const call of ['quarantine', 'recover'] as const) {
      expect(() => node()[call](pci('01:1f.0'), 'gone'))
        .to.throw(/not a VF of this pool/)
        .with.property('kind', 'not-found');
    }
  });
});
