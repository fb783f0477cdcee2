import { expect } from 'chai';
import type { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { allocated, idOf, owner, pci, poolOf, snapshot, tokenId } from './nodes.js';

const [anna, bert] = [owner('anna'), owner('bert')] as const;
const node = () =>
  poolOf([
    '01:00.0',
    ['d/intel', 'd/10G'],
    [
      ['01:10.0', 1],
      ['01:10.1', 2],
    ],
  ]);

function states(pool: ResourcePool, name: string): string[] {
  return pool.tokens(name).map(({ state }) => state);
}

/** A token in use by anna, and its function. */
function inUse(pool: ResourcePool) {
  const token = allocated(pool, 'd/intel');
  return { token, claim: pool.claim({ token, owner: anna, driver: 'kernel' }) };
}

describe('what kubelet does with tokens', () => {
  it('allocate and free take all ids or none', () => {
    const pool = node();
    const known = idOf(pool, 'd/intel');
    for (const verb of ['allocate', 'free'] as const) {
      const before = snapshot(pool);
      expect(() => pool[verb]([known, tokenId(0)])).to.throw(/is not one of this node's tokens/);
      expect(snapshot(pool)).to.deep.equal(before);
    }
    expect(pool.token(known)?.state).to.equal('free');
  });

  it('allocate and free may be repeated, and then tell nobody', () => {
    const pool = node();
    const ids = [idOf(pool, 'd/intel'), idOf(pool, 'd/10G')];
    let told = 0;
    using _listening = pool.onChange(() => told++);
    pool.allocate(ids);
    pool.allocate(ids);
    expect(told).to.equal(1);
    pool.free([...ids, ...ids]);
    pool.free(ids);
    expect(told).to.equal(2);
  });

  it('B5, L2: a token in use that kubelet frees goes free when its VF is released, and the VF is not lost', () => {
    const pool = node();
    const { token, claim } = inUse(pool);
    pool.free([token]);
    expect(pool.token(token)).to.deep.include({ state: 'in-use', heldByPod: false, function: claim.function });
    expect(pool.release(claim.function, anna)).to.equal(true);
    expect(pool.token(token)?.state).to.equal('free');
    expect(pool.function(claim.function)?.use.kind).to.equal('free');
  });

  it('B5, L2: a token in use that kubelet gives to the next pod is allocated when its VF is released', () => {
    const pool = node();
    const { token, claim } = inUse(pool);
    pool.allocate([token]);
    expect(pool.token(token)).to.deep.include({ state: 'in-use', heldByPod: true });
    pool.release(claim.function, anna);
    expect(pool.token(token)?.state).to.equal('allocated');
    expect(pool.claim({ token, owner: bert, driver: 'kernel' }).function).to.equal(claim.function);
  });

  it('a pod that gets a token from the pod before waits for the VF: it never joins it', () => {
    const pool = node();
    const { token, claim } = inUse(pool);
    pool.free([token]);
    const request = { token, owner: bert, driver: 'kernel' } as const;
    expect(() => pool.claim(request))
      .to.throw(/its pod is gone/)
      .with.property('kind', 'refused');
    pool.allocate([token]);
    expect(() => pool.claim(request))
      .to.throw(/VF 0000:01:10\.0 is not yet home/)
      .with.property('kind', 'busy');
    expect(pool.claim({ ...request, owner: anna }), 'the pod before refreshes').to.deep.equal(claim);
    const change = { token, owner: anna, driver: 'vfio-pci' } as const;
    expect(() => pool.claim(change), 'but gets nothing new')
      .to.throw()
      .with.property('kind', 'busy');
  });

  it('a pod whose token is closed gets the VF that comes back, whichever token that VF had closed', () => {
    const pool = node();
    const [waiting, gone] = [allocated(pool, 'd/intel', 0), allocated(pool, 'd/intel', 1)];
    const claims = [0, 1].map((index) =>
      pool.claim({ token: allocated(pool, 'd/10G', index), owner: anna, driver: 'kernel' }),
    );
    pool.free([gone]);
    const back = claims.find((claim) => pool.token(gone)?.function === claim.function)?.function ?? pci('00:00.0');
    pool.release(back, anna);
    expect(pool.token(gone)?.state).to.equal('closed');
    expect(pool.claim({ token: waiting, owner: bert, driver: 'kernel' }).function).to.equal(back);
  });

  it('closes free tokens before those of pods, in the order of creation', () => {
    const pool = node();
    allocated(pool, 'd/10G', 0);
    inUse(pool);
    expect(states(pool, 'd/10G')).to.deep.equal(['allocated', 'closed']);
    pool.claim({ token: allocated(pool, 'd/intel', 1), owner: bert, driver: 'kernel' });
    expect(states(pool, 'd/10G')).to.deep.equal(['closed', 'closed']);
  });

  it('L4: a token that a pod had when it was closed is that pod’s again when it reopens', () => {
    const pool = node();
    const ids = [allocated(pool, 'd/10G', 0), allocated(pool, 'd/10G', 1)];
    const { claim } = inUse(pool);
    expect(states(pool, 'd/10G')).to.deep.equal(['closed', 'allocated']);
    pool.release(claim.function, anna);
    expect(ids.map((id) => pool.token(id)?.state)).to.deep.equal(['allocated', 'allocated']);
  });

  it('kubelet can take a closed token back, and cannot give out one that nobody has', () => {
    const pool = node();
    const ids = [allocated(pool, 'd/10G', 0), allocated(pool, 'd/10G', 1)];
    const { claim } = inUse(pool);
    const [closed] = ids;
    if (closed === undefined) throw new Error('the test allocated two');
    pool.allocate([closed]);
    pool.free([closed]);
    expect(() => pool.allocate([closed]))
      .to.throw(/cannot be allocated: it is closed by VF 0000:01:10\.0/)
      .with.property('kind', 'refused');
    pool.release(claim.function, anna);
    expect(states(pool, 'd/10G')).to.deep.equal(['free', 'allocated']);
  });

  it('reading changes nothing, and an unknown name has no tokens', () => {
    const pool = node();
    expect(pool.tokens('nobody/offers')).to.deep.equal([]);
    expect(pool.token(tokenId(0))).to.equal(undefined);
    expect(pool.function(pci('01:1f.7'))).to.equal(undefined);
    expect(snapshot(pool)).to.deep.equal(snapshot(pool));
  });
});
