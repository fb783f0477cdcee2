import { expect } from 'chai';
import fc from 'fast-check';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import type { AdoptRequest } from '../../src/resourcepool/claim.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { anyIntents, outcome, resolve } from './commands.js';
import { checkInvariants } from './invariants.js';
import { allocated, anyCatalogue, countingIds, idOf, owner, pci, poolOf, snapshot, tokenId } from './nodes.js';

const [anna, bert] = [owner('anna'), owner('bert')] as const;
const twoNames = ['d/intel', 'd/10G'];
const [first, second] = [pci('01:10.0'), pci('01:10.1')];
const twoVfs = () => poolOf(['01:00.0', twoNames, [['01:10.0', 1], ['01:10.1', 2]]]); // biome-ignore format: a row

function adopt(pool: ResourcePool, token: TokenId, more: Partial<AdoptRequest> = {}) {
  return pool.adopt({ token, owner: anna, driver: 'kernel', function: second, ...more });
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

/** What a daemon leaves behind when it is killed: tokens with pods, and functions with connections. */
function leftBehind(pool: ResourcePool) {
  const tokens = new Map(
    pool.names().map((name) => [name, pool.tokens(name).flatMap(({ id, heldByPod }) => (heldByPod ? [id] : []))]),
  );
  const adoptions = pool.functions().flatMap(({ address, use }): AdoptRequest[] => {
    if (use.kind !== 'claimed' || pool.token(use.token)?.heldByPod !== true) return [];
    return use.owners.map((each) => ({ token: use.token, function: address, owner: each, driver: use.driver }));
  });
  return { tokens, adoptions };
}

/** The next daemon's pool, with other ids of its own. */
function successor(catalogue: Catalogue, tokens: ReadonlyMap<string, readonly TokenId[]>): ResourcePool {
  let last = 5000;
  const pool = new ResourcePool(catalogue, () => tokenId(++last));
  const { restored, ...rest } = pool.restore(tokens);
  expect(Object.values(rest).flat(), `all but ${restored.length}`).to.deep.equal([]);
  return pool;
}

/** All that can be seen but which of the closed tokens stands for which VF, and the order of owners: nobody's promise. */
function essence(pool: ResourcePool): string {
  const { tokens, functions, report } = snapshot(pool);
  const essential = tokens.map(({ function: vf, ...token }) => (token.state === 'closed' ? token : { ...token, vf }));
  const uses = functions.map(({ use, ...vf }) => ({
    ...vf,
    use: 'owners' in use ? { ...use, owners: [...use.owners].sort() } : use,
  }));
  const { held: _inFunctions, ...counts } = report;
  return JSON.stringify({ essential, uses, counts });
}

describe('an adoption', () => {
  it('R1, R2: gives a connection the very VF that it had before the restart, though a claim would choose another', () => {
    const pool = twoVfs();
    const token = allocated(pool, 'd/intel');
    expect(adopt(pool, token)).to.deep.equal({
      function: second,
      physicalFunction: pci('01:00.0'),
      vfIndex: 1,
      iommuGroup: 2,
      token,
      driver: 'kernel',
    });
    const next = allocated(pool, 'd/10G', 1);
    expect(pool.claim({ token: next, owner: bert, driver: 'kernel' }).function).to.equal(first);
  });

  it('has every consequence of a claim: siblings close, the group is pinned, a release ends it', () => {
    const [claiming, adopting] = [twoVfs(), twoVfs()];
    const before = snapshot(adopting);
    const [token] = [allocated(claiming, 'd/intel'), allocated(adopting, 'd/intel')];
    claiming.claim({ token, owner: anna, driver: 'vfio-pci' });
    adopt(adopting, token, { function: first, driver: 'vfio-pci' });
    expect(snapshot(adopting)).to.deep.equal(snapshot(claiming));
    adopting.release(first, anna);
    adopting.free([token]);
    expect(snapshot(adopting)).to.deep.equal(before);
  });

  it('again changes nothing; so does a claim of the healed connection, which gets the same VF', () => {
    const pool = twoVfs();
    const token = allocated(pool, 'd/intel');
    const answer = adopt(pool, token);
    const before = snapshot(pool);
    expect(adopt(pool, token)).to.deep.equal(answer);
    expect(pool.claim({ token, owner: anna, driver: 'kernel' })).to.deep.equal(answer);
    expect(snapshot(pool)).to.deep.equal(before);
  });

  it('B6: by another owner shares the VF, and the first to leave does not free it', () => {
    const pool = twoVfs();
    const token = allocated(pool, 'd/intel');
    adopt(pool, token);
    adopt(pool, token, { owner: bert });
    pool.release(second, anna);
    expect(pool.function(second)?.use).to.deep.include({ kind: 'claimed', owners: [bert] });
  });

  it('B5: of a token that kubelet then takes back or hands on is released like any claim, and nothing is lost', () => {
    for (const verb of ['free', 'allocate'] as const) {
      const pool = twoVfs();
      const token = allocated(pool, 'd/intel');
      adopt(pool, token);
      pool[verb]([token]);
      expect(() => adopt(pool, token, { owner: bert })).to.throw();
      expect(pool.release(second, anna)).to.equal(true);
      expect(pool.function(second)?.use.kind).to.equal('free');
      expect(pool.token(token)?.state).to.equal(verb === 'free' ? 'free' : 'allocated');
    }
  });

  it('is refused for a token that is no pod’s, and for a name under which the VF is not offered', () => {
    const pool = poolOf(['01:00.0', ['d/intel'], [['01:10.1']]], ['02:00.0', ['d/10G'], [['02:10.0']]]);
    expectRefusal(pool, () => adopt(pool, idOf(pool, 'd/intel')), ['refused', /was never allocated to a pod/]);
    const token = allocated(pool, 'd/10G');
    expectRefusal(pool, () => adopt(pool, token), ['refused', /its PF does not offer it under this name/]);
    expectRefusal(pool, () => adopt(pool, tokenId(77)), ['not-found', /not one of this node's tokens/]);
    expectRefusal(pool, () => adopt(pool, token, { function: pci('03:10.0') }), ['not-found', /not a VF of this pool/]);
  });

  it('finds a VF busy that another token has, or quarantine, or that its group keeps from the driver', () => {
    const pool = poolOf(['01:00.0', ['d/intel'], [['01:10.0', 1], ['01:10.1', 1], ['01:10.2', 2, 'pf']]]); // biome-ignore format: a row
    const [one, other] = [allocated(pool, 'd/intel'), allocated(pool, 'd/intel', 1)];
    adopt(pool, one, { function: first, driver: 'vfio-pci' });
    expectRefusal(pool, () => adopt(pool, other, { function: first }), ['busy', /VF 0000:01:10\.0 back: it is in use/]);
    expectRefusal(pool, () => adopt(pool, other), ['busy', /VF 0000:01:10\.1 .* but IOMMU group 1 cannot/]);
    const beside = pci('01:10.2');
    expectRefusal(pool, () => adopt(pool, other, { function: beside, driver: 'vfio-pci' }), ['busy', /IOMMU group 2/]);
    pool.quarantine(beside, 'no driver');
    expectRefusal(pool, () => adopt(pool, other, { function: beside }), ['busy', /quarantine: no driver/]);
  });

  it('finds a token busy that has another VF, another driver, or is in quarantine', () => {
    const pool = twoVfs();
    const token = allocated(pool, 'd/intel');
    adopt(pool, token);
    expectRefusal(pool, () => adopt(pool, token, { function: first }), ['busy', /it has VF 0000:01:10\.1 in use/]);
    expectRefusal(pool, () => adopt(pool, token, { driver: 'vfio-pci' }), ['busy', /has the driver type kernel/]);
    pool.quarantine(second, 'lost');
    expectRefusal(pool, () => adopt(pool, token), ['busy', /quarantine: lost/]);
  });

  it('spares a token that an earlier adoption has closed: another one of the name is closed in its place', () => {
    const pool = twoVfs();
    const [one, spare] = [allocated(pool, 'd/intel'), allocated(pool, 'd/intel', 1)];
    const other = allocated(pool, 'd/10G');
    adopt(pool, other, { function: first });
    expect(pool.token(one)?.state).to.equal('closed');
    expect(adopt(pool, one).function).to.equal(second);
    expect(pool.token(spare)).to.deep.include({ state: 'closed', function: first, heldByPod: true });
    pool.release(first, anna);
    expect(pool.token(spare)).to.deep.include({ state: 'allocated', heldByPod: true });
  });

  it('R1, R2: invariant 16: whatever claims had given out is adopted in any order, and the order does not show', () => {
    fc.assert(
      fc.property(anyCatalogue, anyIntents, fc.infiniteStream(fc.nat()), (catalogue, intents, numbers) => {
        const before = new ResourcePool(catalogue, countingIds());
        for (const intent of intents) outcome(before, resolve(before, intent));
        const { tokens, adoptions } = leftBehind(before);
        const some = adoptions.filter(() => numbers.next().value % 4 > 0);
        const shuffled = some
          .map((each) => ({ each, at: numbers.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each);
        const [inOrder, anyhow] = [successor(catalogue, tokens), successor(catalogue, tokens)];
        for (const each of some) inOrder.adopt(each);
        for (const each of shuffled) {
          expect(anyhow.adopt(each)).to.deep.include({ token: each.token, function: each.function });
          checkInvariants(snapshot(anyhow), catalogue);
        }
        expect(essence(anyhow)).to.equal(essence(inOrder));
        expect(
          leftBehind(anyhow)
            .adoptions.map((each) => JSON.stringify(each))
            .sort(),
        ).to.deep.equal(some.map((each) => JSON.stringify(each)).sort());
      }),
      { numRuns: 200 },
    );
  });
});
