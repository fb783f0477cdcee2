import { expect } from 'chai';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import type { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { allocated, idOf, owner, pci, poolOf, snapshot } from './nodes.js';

const [anna, bert, carl] = [owner('anna'), owner('bert'), owner('carl')] as const;

function claim(pool: ResourcePool, token: TokenId, by = anna, driver: DriverType = 'kernel') {
  return pool.claim({ token, owner: by, driver });
}

function states(pool: ResourcePool, name: string): string[] {
  return pool.tokens(name).map(({ state }) => state);
}

function expectRefusal(
  pool: ResourcePool,
  call: () => unknown,
  [kind, message]: [kind: string, message: RegExp],
): void {
  const before = snapshot(pool);
  expect(call).to.throw(message).with.property('kind', kind);
  expect(snapshot(pool)).to.deep.equal(before);
}

const twoNames = ['d/intel', 'd/10G'];
const onePf = (...vfs: [string, number?, 'pf'?][]) => poolOf(['01:00.0', twoNames, vfs]);

describe('a claim', () => {
  it('is refused to one more than sixteen who share a function', () => {
    const pool = onePf(['01:10.0']);
    const token = allocated(pool, 'd/10G');
    for (let n = 1; n <= 16; n++) claim(pool, token, owner(`connection-${n}`));
    expectRefusal(pool, () => claim(pool, token, anna), [
      'exhausted',
      /VF 0000:01:10\.0 .* has 16 connections, the most/,
    ]);
    claim(pool, token, owner('connection-7'));
    pool.release(pci('01:10.0'), owner('connection-3'));
    claim(pool, token, anna);
  });

  it('tells where the function sits', () => {
    const pool = onePf(['01:10.0', 7], ['01:10.4', 8]);
    const token = allocated(pool, 'd/10G');
    claim(pool, token);
    const second = allocated(pool, 'd/10G', 1);
    expect(claim(pool, second, bert)).to.deep.equal({
      function: pci('01:10.4'),
      physicalFunction: pci('01:00.0'),
      vfIndex: 1,
      iommuGroup: 8,
      token: second,
      driver: 'kernel',
    });
  });

  it('S4: is refused for a token that was never allocated to a pod, whoever knows its id', () => {
    const pool = onePf(['01:10.0']);
    const token = idOf(pool, 'd/intel');
    expectRefusal(pool, () => claim(pool, token), ['refused', /was never allocated to a pod/]);
    pool.allocate([token]);
    pool.free([token]);
    expectRefusal(pool, () => claim(pool, token), ['refused', /or its pod is gone/]);
  });

  it('is refused for a closed token, and the message names the VF that closed it but nobody else’s token', () => {
    const pool = onePf(['01:10.0']);
    const used = allocated(pool, 'd/intel');
    const closed = allocated(pool, 'd/10G');
    claim(pool, used);
    expectRefusal(pool, () => claim(pool, closed), ['refused', /closed: VF 0000:01:10\.0 is in use under d\/intel$/]);
    expect(() => claim(pool, closed)).not.to.throw(new RegExp(used));
  });

  it('says that all are taken, or that the groups are in the way, when there is no function', () => {
    const pool = poolOf(['01:00.0', ['d/intel'], [['01:10.0', 1, 'pf'], ['01:10.1']]]);
    const token = allocated(pool, 'd/intel');
    expectRefusal(pool, () => claim(pool, token, anna, 'vfio-pci'), [
      'exhausted',
      /^no free VF of d\/intel for the driver type vfio-pci: 2 are free, but their IOMMU groups/,
    ]);
  });

  it('B13: of a function without IOMMU group serves the kernel driver and says no group', () => {
    const pool = onePf(['01:10.0']);
    expect(claim(pool, allocated(pool, 'd/intel'))).not.to.have.property('iommuGroup');
  });

  it('orders addresses by number: domain 10000 comes after domain ffff', () => {
    const pool = poolOf(['01:00.0', ['d/intel'], [['10000:01:10.0'], ['ffff:01:10.0']]]);
    expect(claim(pool, allocated(pool, 'd/intel')).function).to.equal(pci('ffff:01:10.0'));
  });

  it('prefers a group that has the driver already, so that the others stay open to the other driver', () => {
    const pool = poolOf([
      '01:00.0',
      ['d/intel'],
      [
        ['01:10.0', 5],
        ['01:10.2', 6],
        ['01:10.1', 5],
        ['01:10.3', 7],
      ],
    ]);
    const [first, second, third] = [0, 1, 2].map((index) => allocated(pool, 'd/intel', index)) as [
      TokenId,
      TokenId,
      TokenId,
    ];
    expect(claim(pool, first, anna, 'vfio-pci').function).to.equal(pci('01:10.0'));
    expect(claim(pool, second, bert, 'vfio-pci').function).to.equal(pci('01:10.1'));
    expect(claim(pool, third, carl, 'kernel').function).to.equal(pci('01:10.2'));
  });

  it('L1, B1: of a request that failed and released is gone without trace', () => {
    const pool = onePf(['01:10.0', 1], ['01:10.1', 2]);
    const token = allocated(pool, 'd/intel');
    const before = snapshot(pool);
    pool.release(claim(pool, token).function, anna);
    expect(snapshot(pool)).to.deep.equal(before);
    expect(claim(pool, allocated(pool, 'd/10G'), bert).function).to.equal(pci('01:10.0'));
  });
});

describe('a shared token', () => {
  it('B6: gives both owners the same VF, and the first to leave does not free it', () => {
    const pool = onePf(['01:10.0'], ['01:10.1']);
    const token = allocated(pool, 'd/intel');
    const shared = claim(pool, token, anna);
    expect(claim(pool, token, bert)).to.deep.equal(shared);
    expect(pool.release(shared.function, anna)).to.equal(true);
    expect(pool.function(shared.function)?.use).to.deep.include({ kind: 'claimed', owners: [bert] });
    expect(pool.release(shared.function, bert)).to.equal(true);
    expect(pool.function(shared.function)?.use.kind).to.equal('free');
    expect(states(pool, 'd/intel')).to.deep.equal(['allocated', 'free']);
  });

  it('B6: a late release cannot free what somebody else has by now', () => {
    const pool = onePf(['01:10.0']);
    const token = allocated(pool, 'd/intel');
    const { function: vf } = claim(pool, token, anna);
    pool.release(vf, anna);
    claim(pool, token, bert);
    const before = snapshot(pool);
    expect(pool.release(vf, anna)).to.equal(false);
    expect(snapshot(pool)).to.deep.equal(before);
  });

  it('cannot change its driver while two use it', () => {
    const pool = onePf(['01:10.0', 1]);
    const token = allocated(pool, 'd/intel');
    claim(pool, token, anna);
    expectRefusal(pool, () => claim(pool, token, bert, 'vfio-pci'), [
      'busy',
      /has the driver type kernel for 1 connection/,
    ]);
    claim(pool, token, bert);
    expectRefusal(pool, () => claim(pool, token, bert, 'vfio-pci'), ['busy', /for 2 connection.*only the sole user/]);
  });

  it('releasing what is not in the pool is an error that names the address', () => {
    const pool = onePf(['01:10.0']);
    expectRefusal(pool, () => pool.release(pci('01:1f.0'), anna), [
      'not-found',
      /0000:01:1f\.0 is not a VF of this pool/,
    ]);
  });
});

describe('a driver change by the sole owner', () => {
  it('B3: happens where the function is when it is alone in its group, there and back, and is then as any claim', () => {
    const pool = onePf(['01:10.0', 1], ['01:10.1', 2]);
    const token = allocated(pool, 'd/intel');
    const first = claim(pool, token);
    const before = snapshot(pool);
    expect(claim(pool, token, anna, 'vfio-pci')).to.deep.equal({ ...first, driver: 'vfio-pci' });
    const changed = snapshot(pool);
    expect(claim(pool, token, anna, 'vfio-pci')).to.deep.equal({ ...first, driver: 'vfio-pci' });
    expect(snapshot(pool)).to.deep.equal(changed);
    expect(claim(pool, token, anna, 'kernel')).to.deep.equal(first);
    expect(snapshot(pool)).to.deep.equal(before);
  });

  it('B23: that finds no function leaves the owner with the one it has', () => {
    const pool = onePf(['01:10.0', 1, 'pf'], ['01:10.1', 1]);
    const token = allocated(pool, 'd/intel');
    claim(pool, token);
    expectRefusal(pool, () => claim(pool, token, anna, 'vfio-pci'), ['exhausted', /1 are free/]);
  });

  /** Two VFs in one group keep each other from changing; a third is alone. */
  const crowded = () => {
    const pool = poolOf([
      '01:00.0',
      twoNames,
      [
        ['01:10.0', 1],
        ['01:10.1', 1],
        ['01:10.2', 2],
      ],
    ]);
    const [neighbour, token] = [allocated(pool, 'd/intel'), allocated(pool, 'd/intel', 1)];
    claim(pool, neighbour, bert);
    const old = claim(pool, token);
    return { pool, token, old };
  };

  it('B23: takes another function before the old one is given up, when the group cannot follow', () => {
    const { pool, token, old } = crowded();
    const next = claim(pool, token, anna, 'vfio-pci');
    expect(next).to.deep.include({ function: pci('01:10.2'), driver: 'vfio-pci', supersedes: old.function });
    expect(pool.function(old.function)?.use).to.deep.include({ kind: 'superseded', owners: [anna] });
    expect(pool.release(old.function, anna)).to.equal(true);
    expect(pool.function(old.function)?.use.kind).to.equal('free');
    expect(claim(pool, token, anna, 'vfio-pci')).not.to.have.property('supersedes');
  });

  it('B23: undone, by releasing the new function first, leaves everything as it was', () => {
    const { pool, token, old } = crowded();
    const before = snapshot(pool);
    const next = claim(pool, token, anna, 'vfio-pci');
    pool.release(next.function, anna);
    expect(snapshot(pool)).to.deep.equal(before);
    expect(claim(pool, token)).to.deep.equal(old);
  });

  it('undone after kubelet took the token back leaves nobody new a way in', () => {
    const { pool, token, old } = crowded();
    const next = claim(pool, token, anna, 'vfio-pci');
    pool.free([token]);
    pool.allocate([token]);
    pool.release(next.function, anna);
    expectRefusal(pool, () => claim(pool, token, carl), ['busy', /VF 0000:01:10\.1 is not yet home/]);
    expect(claim(pool, token)).to.deep.equal(old);
  });

  it('a connection that ends in the middle of it releases both, in any order', () => {
    for (const newestFirst of [true, false]) {
      const { pool, token, old } = crowded();
      const next = claim(pool, token, anna, 'vfio-pci');
      const order = newestFirst ? [next.function, old.function] : [old.function, next.function];
      for (const vf of order) expect(pool.release(vf, anna)).to.equal(true);
      expect(states(pool, 'd/intel')).to.deep.equal(['in-use', 'allocated', 'free']);
      expect(pool.report().physicalFunctions).to.deep.equal([{ address: pci('01:00.0'), total: 3, free: 2 }]);
    }
  });
});
