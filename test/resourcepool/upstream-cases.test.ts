import { expect } from 'chai';
import type { Claim } from '../../src/resourcepool/claim.js';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { allocated, catalogueOf, countingIds, owner, type PfRow, pci, poolOf, tokenId } from './nodes.js';

const tokenNode: PfRow[] = [
  ['01:00.0', ['d1/intel', 'd1/10G'], [['01:00.1', 1]]],
  [
    '02:00.0',
    ['d1/intel', 'd1/20G', 'd2/intel', 'd2/20G'],
    [
      ['02:00.1', 1],
      ['02:00.2', 2],
      ['02:00.3', 3],
    ],
  ],
];
const tokenNames = ['d1/intel', 'd1/10G', 'd1/20G', 'd2/intel', 'd2/20G'];

function healthy(pool: ResourcePool): number[] {
  return tokenNames.map((name) => pool.tokens(name).filter((token) => token.healthy).length);
}

describe('token pool, the cases of the Go forwarder', () => {
  it('Tokens: a new pool has as many healthy tokens of each name as VFs offered under it', () => {
    const pool = poolOf(...tokenNode);
    expect([...pool.names()].sort()).to.deep.equal([...tokenNames].sort());
    expect(healthy(pool)).to.deep.equal([4, 1, 3, 3, 3]);
  });

  it('Use: three claims under d2/20G close three tokens of each sibling name, giving one back reopens one', () => {
    const pool = poolOf(...tokenNode);
    const ids = [0, 1, 2].map((index) => allocated(pool, 'd2/20G', index));
    const claims = ids.map((token) => pool.claim({ token, owner: owner('c'), driver: 'kernel' }));
    expect(healthy(pool)).to.deep.equal([1, 1, 0, 0, 3]);
    pool.release(claims[2]?.function ?? pci('ff:00.0'), owner('c'));
    expect(healthy(pool)).to.deep.equal([2, 1, 1, 1, 3]);
  });

  it('Restore: the ids of one pool restored into another', () => {
    const before = poolOf(...tokenNode);
    for (const name of before.names()) before.allocate(before.tokens(name).map(({ id }) => id));
    let last = 1000;
    const after = new ResourcePool(catalogueOf(...tokenNode), () => tokenId(++last));
    after.restore(new Map(before.names().map((name) => [name, before.tokens(name).map(({ id }) => id)])));
    for (const name of before.names()) expect(after.tokens(name)).to.deep.equal(before.tokens(name));
  });
});

const resourceNode: PfRow[] = [
  ['01:00.0', ['d1/intel', 'd1/10G'], [['01:00.1', 1]]],
  [
    '02:00.0',
    ['d2/intel', 'd2/10G'],
    [
      ['02:00.1', 1],
      ['02:00.2', 2],
    ],
  ],
  [
    '03:00.0',
    ['d2/intel', 'd2/20G'],
    [
      ['03:00.1', 1],
      ['03:00.2', 1],
      ['03:00.3', 1],
    ],
  ],
];

type Step =
  | { readonly claim: number; readonly name: string; readonly driver: DriverType; readonly gives: string }
  | { readonly release: number };

interface Case {
  readonly title: string;
  readonly steps: readonly Step[];
}

/** `claim` numbers the token: each name's first token that no earlier number took. */
const cases: readonly Case[] = [
  {
    title: 'Selected: the same claim twice gives the same VF',
    steps: [
      { claim: 1, name: 'd1/intel', driver: 'vfio-pci', gives: '01:00.1' },
      { claim: 1, name: 'd1/intel', driver: 'vfio-pci', gives: '01:00.1' },
    ],
  },
  {
    title: 'SelectedAnotherDriver: with the old VF released first, as the Go forwarder does',
    steps: [
      { claim: 1, name: 'd1/intel', driver: 'vfio-pci', gives: '01:00.1' },
      { claim: 2, name: 'd2/intel', driver: 'kernel', gives: '02:00.2' },
      { release: 2 },
      { claim: 2, name: 'd2/intel', driver: 'vfio-pci', gives: '03:00.1' },
      { claim: 3, name: 'd2/intel', driver: 'kernel', gives: '02:00.2' },
    ],
  },
  {
    title: 'SelectedAnotherDriver: a VF alone in its group changes its driver where it is',
    steps: [
      { claim: 1, name: 'd1/intel', driver: 'vfio-pci', gives: '01:00.1' },
      { claim: 2, name: 'd2/intel', driver: 'kernel', gives: '02:00.2' },
      { claim: 2, name: 'd2/intel', driver: 'vfio-pci', gives: '02:00.2' },
      { claim: 3, name: 'd2/intel', driver: 'vfio-pci', gives: '03:00.1' },
    ],
  },
  {
    title: 'Capability: only PFs that offer the name',
    steps: [{ claim: 1, name: 'd2/10G', driver: 'vfio-pci', gives: '02:00.1' }],
  },
  {
    title: 'FreeVFsCount: the PF with most free VFs',
    steps: [{ claim: 1, name: 'd2/intel', driver: 'vfio-pci', gives: '03:00.1' }],
  },
  {
    title: 'Free: a VF that was released is given out again',
    steps: [
      { claim: 1, name: 'd1/intel', driver: 'vfio-pci', gives: '01:00.1' },
      { release: 1 },
      { claim: 1, name: 'd1/intel', driver: 'vfio-pci', gives: '01:00.1' },
    ],
  },
];

/** Plays a case; every token is allocated before it is claimed, which the Go forwarder does not ask for. */
function play(pool: ResourcePool, steps: readonly Step[]): void {
  const tokens = new Map<number, TokenId>();
  const claims = new Map<number, Claim>();
  for (const step of steps) {
    if ('release' in step) {
      const claim = claims.get(step.release);
      expect(claim && pool.release(claim.function, owner(`${step.release}`))).to.equal(true);
      continue;
    }
    const token = tokens.get(step.claim) ?? allocateFree(pool, step.name);
    tokens.set(step.claim, token);
    const claim = pool.claim({ token, owner: owner(`${step.claim}`), driver: step.driver });
    expect(claim.function).to.equal(pci(step.gives));
    claims.set(step.claim, claim);
  }
}

function allocateFree(pool: ResourcePool, name: string): TokenId {
  const index = pool.tokens(name).findIndex(({ state }) => state === 'free');
  return allocated(pool, name, index);
}

describe('resource pool, the cases of the Go forwarder', () => {
  for (const { title, steps } of cases) it(title, () => play(poolOf(...resourceNode), steps));

  it('a token that the pool does not know is refused', () => {
    const pool = new ResourcePool(catalogueOf(...resourceNode), countingIds());
    const request = { token: tokenId(0), owner: owner('c'), driver: 'kernel' as const };
    expect(() => pool.claim(request))
      .to.throw(/is not one of this node's tokens/)
      .with.property('kind', 'not-found');
  });
});
