import { expect } from 'chai';
import fc from 'fast-check';
import { IndexSet } from '../../src/resourcepool/index-set.js';

interface Step {
  readonly member: number;
  readonly add: boolean;
}

/** Members on both sides of the borders of words more often than elsewhere. */
const anySteps = fc.constantFrom(0, 1, 31, 32, 33, 1024, 1025, 40_000).chain((capacity) => {
  const borders = [0, 31, 32, 1023, 1024, capacity - 1].filter((each) => each >= 0 && each < capacity);
  const anyMember = fc.oneof(fc.nat({ max: Math.max(capacity - 1, 0) }), fc.constantFrom(0, ...borders));
  const anyStep = fc.record({ member: anyMember, add: fc.boolean() });
  return fc.record({
    capacity: fc.constant(capacity),
    steps: fc.array(anyStep, { maxLength: capacity === 0 ? 0 : 60 }),
  });
});

function least(members: ReadonlySet<number>): number | undefined {
  return members.size === 0 ? undefined : Math.min(...members);
}

function apply(set: Pick<IndexSet | Set<number>, 'add' | 'delete'>, { member, add }: Step): void {
  set[add ? 'add' : 'delete'](member);
}

describe('an index set', () => {
  it('knows its least member from any number on', () => {
    fc.assert(
      fc.property(anySteps, fc.nat({ max: 40_000 }), ({ capacity, steps }, number) => {
        const set = new IndexSet(capacity);
        const expected = new Set<number>();
        for (const step of steps) {
          apply(set, step);
          apply(expected, step);
        }
        for (const from of [number % (capacity + 1), 0, 31, 32, 33, 1023, 1024, ...expected]) {
          const rest = new Set([...expected].filter((member) => member >= from));
          expect(set.next(from)).to.equal(least(rest));
        }
      }),
    );
  });

  it('knows its least member after any additions and deletions, on both sides of every word', () => {
    fc.assert(
      fc.property(anySteps, ({ capacity, steps }) => {
        const set = new IndexSet(capacity);
        const expected = new Set<number>();
        for (const step of steps) {
          apply(set, step);
          apply(expected, step);
          expect(set.first).to.equal(least(expected));
        }
        for (const member of expected) set.delete(member);
        expect(set.first).to.equal(undefined);
      }),
    );
  });
});
