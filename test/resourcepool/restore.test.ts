import { expect } from 'chai';
import fc from 'fast-check';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { anyIntents, outcome, resolve } from './commands.js';
import { checkInvariants } from './invariants.js';
import { anyCatalogue, countingIds, idOf, names, owner, pci, poolOf, snapshot, tokenId } from './nodes.js';

const node = () => poolOf(['01:00.0', ['d/intel', 'd/10G'], [['01:10.0'], ['01:10.1']]]);
const old = (number: number) => tokenId(1000 + number);

function ids(pool: ResourcePool, name: string): [TokenId, string][] {
  return pool.tokens(name).map(({ id, state }) => [id, state]);
}

describe('restoring tokens', () => {
  it('B31: gives tokens the ids that pods know, allocated, and the rest stay free', () => {
    const pool = node();
    const report = pool.restore(new Map([['d/10G', [old(1)]]]));
    expect(report).to.deep.equal({
      restored: [{ name: 'd/10G', token: old(1) }],
      surplus: [],
      unknownNames: [],
      duplicates: [],
    });
    expect(ids(pool, 'd/10G').map(([, state]) => state)).to.deep.equal(['allocated', 'free']);
    expect(pool.token(old(1))?.name).to.equal('d/10G');
  });

  it('works after reading, and after tokens of other names were used', () => {
    const pool = node();
    const token = idOf(pool, 'd/intel');
    pool.allocate([token]);
    pool.claim({ token, owner: owner('anna'), driver: 'kernel' });
    snapshot(pool);
    const { restored, surplus } = pool.restore(new Map([['d/10G', [old(1), old(2)]]]));
    expect([restored.length, surplus.length]).to.deep.equal([2, 0]);
    expect(
      ids(pool, 'd/10G')
        .map(([, state]) => state)
        .sort(),
    ).to.deep.equal(['allocated', 'closed']);
    expect(
      pool.tokens('d/10G').every(({ heldByPod }) => heldByPod),
      'the closed one is its pod’s, too',
    ).to.equal(true);
  });

  it('reports ids beyond capacity, of unknown names, given twice, and of another name, instead of losing them', () => {
    const pool = node();
    const foreign = idOf(pool, 'd/10G');
    const report = pool.restore(
      new Map([
        ['d/intel', [old(1), old(1), foreign, old(2), old(3)]],
        ['gone/25G', [old(9)]],
      ]),
    );
    expect(report.restored.map(({ token }) => token)).to.deep.equal([old(1), old(2)]);
    expect(report.surplus).to.deep.equal([{ name: 'd/intel', token: old(3) }]);
    expect(report.duplicates.map(({ token }) => token)).to.deep.equal([old(1), foreign]);
    expect(report.unknownNames).to.deep.equal([{ name: 'gone/25G', token: old(9) }]);
  });

  it('never changes the id of a token that a pod has', () => {
    const pool = node();
    const kept = idOf(pool, 'd/intel');
    pool.allocate([kept]);
    pool.restore(new Map([['d/intel', [old(1), old(2)]]]));
    expect(pool.token(kept)?.state).to.equal('allocated');
  });

  it('of a token in use is no new pod: others may still share it', () => {
    const pool = node();
    const token = idOf(pool, 'd/intel');
    pool.allocate([token]);
    const claim = pool.claim({ token, owner: owner('anna'), driver: 'kernel' });
    pool.restore(new Map([['d/intel', [token]]]));
    expect(pool.claim({ token, owner: owner('bert'), driver: 'kernel' })).to.deep.equal(claim);
  });

  it('finds the tokens that a function in quarantine has closed', () => {
    const pool = node();
    pool.quarantine(pci('01:10.0'), 'no driver');
    pool.restore(new Map([['d/intel', [old(1), old(2)]]]));
    pool.recover(pci('01:10.0'));
    expect(ids(pool, 'd/intel').sort()).to.deep.equal([
      [old(1), 'allocated'],
      [old(2), 'allocated'],
    ]);
  });

  it('invariant 15: of what a pool had allocated gives the same ids and states, and once more changes nothing', () => {
    fc.assert(
      fc.property(anyCatalogue, fc.array(fc.nat(), { maxLength: 20 }), (catalogue, picks) => {
        const before = new ResourcePool(catalogue, countingIds());
        const all = snapshot(before).tokens;
        before.allocate(picks.flatMap((pick) => all[pick % Math.max(all.length, 1)]?.id ?? []));
        const allocated = new Map(before.names().map((name) => [name, heldIds(before, name)]));
        let last = 5000;
        const after = new ResourcePool(catalogue, () => tokenId(++last));
        const { restored, ...rest } = after.restore(allocated);
        expect(restored.length).to.equal([...allocated.values()].flat().length);
        expect(Object.values(rest).flat()).to.deep.equal([]);
        for (const name of before.names())
          expect(heldIds(after, name).sort()).to.deep.equal(heldIds(before, name).sort());
        const once = JSON.stringify(snapshot(after));
        after.restore(allocated);
        expect(JSON.stringify(snapshot(after))).to.equal(once);
      }),
      { numRuns: 60 },
    );
  });

  it('invariant 15: at any time puts every id into exactly one list and keeps the invariants', () => {
    const anyMemory = fc.dictionary(
      fc.constantFrom(...names, 'gone/25G'),
      fc.array(fc.nat({ max: 40 }), { maxLength: 6 }),
    );
    fc.assert(
      fc.property(anyCatalogue, anyIntents, anyMemory, (catalogue, intents, memory) => {
        const pool = new ResourcePool(catalogue, countingIds());
        for (const intent of intents) outcome(pool, resolve(pool, intent));
        const remembered = Object.entries(memory).map(([name, numbers]) => [name, numbers.map(tokenId)] as const);
        const report = pool.restore(new Map(remembered));
        const judged = Object.values(report)
          .flat()
          .map(({ name, token }) => `${name} ${token}`);
        const given = remembered.flatMap(([name, tokens]) => tokens.map((token) => `${name} ${token}`));
        expect(judged.sort()).to.deep.equal(given.sort());
        for (const { name, token } of report.restored)
          expect(pool.token(token)).to.deep.include({ name, heldByPod: true });
        checkInvariants(snapshot(pool), catalogue);
        for (const intent of intents) outcome(pool, resolve(pool, intent));
        checkInvariants(snapshot(pool), catalogue);
      }),
      { numRuns: 60 },
    );
  });
});

function heldIds(pool: ResourcePool, name: string): TokenId[] {
  return pool.tokens(name).flatMap(({ id, heldByPod }) => (heldByPod ? [id] : []));
}
