import { expect } from 'chai';
import type { PoolFunction } from '../../src/resourcepool/catalogue.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { catalogueOf, countingIds, idOf, owner, type PfRow, pci, poolOf, tokenId } from './nodes.js';

const invalid: readonly { title: string; rows: PfRow[]; message: RegExp }[] = [
  {
    title: 'B9: a VF listed twice on one PF is rejected: it would be given out twice',
    rows: [['01:00.0', ['d/intel'], [['01:10.0'], ['0000:01:10.0']]]],
    message: /function 0000:01:10\.0 is listed as a VF of PF 0000:01:00\.0 and again as a VF of PF 0000:01:00\.0/,
  },
  {
    title: 'B9: a VF listed on two PFs is rejected',
    rows: [
      ['01:00.0', ['d/intel'], [['01:10.0']]],
      ['02:00.0', ['d/intel'], [['01:10.0']]],
    ],
    message: /a VF of PF 0000:01:00\.0 and again as a VF of PF 0000:02:00\.0/,
  },
  {
    title: 'B9: a PF listed twice is rejected',
    rows: [
      ['01:00.0', ['d/intel'], []],
      ['0000:01:00.0', ['d/10G'], []],
    ],
    message: /function 0000:01:00\.0 is listed as a PF of its own and again as a PF of its own/,
  },
  {
    title: 'B10: a PF offered as a VF is rejected',
    rows: [['01:00.0', ['d/intel'], [['01:00.0']]]],
    message: /as a PF of its own and again as a VF of PF/,
  },
  {
    title: 'a name offered twice by one PF is rejected: it would have twice the tokens',
    rows: [['01:00.0', ['d/intel', 'd/intel'], [['01:10.0']]]],
    message: /PF 0000:01:00\.0 offers "d\/intel" twice/,
  },
];

describe('the catalogue of a pool', () => {
  for (const { title, rows, message } of invalid) {
    it(title, () => {
      expect(() => new ResourcePool(catalogueOf(...rows), countingIds()))
        .to.throw(message)
        .with.property('kind', 'invalid');
    });
  }

  it('B8: keeps the VF index of the PF when the list leaves VFs out, and rejects an index given twice', () => {
    const vf = (address: string, vfIndex: number) => ({
      address: pci(address),
      vfIndex,
      groupHasPhysicalFunction: false,
    });
    const pool = (...virtualFunctions: PoolFunction[]) =>
      new ResourcePool(
        { physicalFunctions: [{ address: pci('01:00.0'), names: ['d/intel'], virtualFunctions }] },
        countingIds(),
      );
    expect(
      pool(vf('01:10.2', 2), vf('01:12.0', 11))
        .functions()
        .map(({ vfIndex }) => vfIndex),
    ).to.deep.equal([2, 11]);
    expect(() => pool(vf('01:10.2', 2), vf('01:10.4', 2)))
      .to.throw(/VFs 0000:01:10\.2 and 0000:01:10\.4 of PF 0000:01:00\.0 both have the index 2/)
      .with.property('kind', 'invalid');
  });

  it('may be empty, and may have PFs without VFs', () => {
    expect(poolOf().names()).to.deep.equal([]);
    const pool = poolOf(['01:00.0', ['d/intel'], []]);
    expect(pool.names()).to.deep.equal(['d/intel']);
    expect(pool.tokens('d/intel')).to.deep.equal([]);
  });

  it('B10: a PF in the group, seen from any of its functions, keeps all of them from vfio-pci', () => {
    const pool = poolOf([
      '01:00.0',
      ['d/intel'],
      [
        ['01:10.0', 1],
        ['01:10.1', 1, 'pf'],
      ],
    ]);
    const token = idOf(pool, 'd/intel');
    pool.allocate([token]);
    const claim = (driver: 'kernel' | 'vfio-pci') => pool.claim({ token, owner: owner('anna'), driver });
    expect(() => claim('vfio-pci'))
      .to.throw(/hold a PF/)
      .with.property('kind', 'exhausted');
    expect(claim('kernel').vfIndex).to.equal(0);
  });

  it('B13: a VF without a group serves VFIO where that is allowed, and stands for itself alone', () => {
    const vf = (address: string) => ({
      address: pci(address),
      vfioWithoutGroup: true as const,
      groupHasPhysicalFunction: false,
    });
    const physicalFunctions = [
      { address: pci('01:00.0'), names: ['d/intel'], virtualFunctions: [vf('01:10.0'), vf('01:10.1')] },
    ];
    const pool = new ResourcePool({ physicalFunctions }, countingIds());
    const [one, other] = pool.tokens('d/intel').map(({ id }) => id);
    if (one === undefined || other === undefined) throw new Error('two VFs, two tokens');
    pool.allocate([one, other]);
    const allocated = pool.report();
    const first = pool.claim({ token: one, owner: owner('anna'), driver: 'vfio-pci' });
    const second = pool.claim({ token: other, owner: owner('bert'), driver: 'kernel' });
    expect([first.iommuGroup, second.iommuGroup]).to.deep.equal([undefined, undefined]);
    expect(pool.report().groups).to.deep.equal([]);
    pool.release(first.function, owner('anna'));
    pool.release(second.function, owner('bert'));
    expect(pool.report()).to.deep.equal(allocated);
  });

  it('needs a source of distinct token ids', () => {
    const rows: PfRow = ['01:00.0', ['d/intel'], [['01:10.0'], ['01:10.1']]];
    expect(() => new ResourcePool(catalogueOf(rows), () => tokenId(1)))
      .to.throw(/was made twice/)
      .with.property('kind', 'invalid');
  });
});
