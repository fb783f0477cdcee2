import { expect } from 'chai';
import fc from 'fast-check';
import { OrderedHeap } from '../../src/resourcepool/ordered-heap.js';

interface Member {
  readonly id: number;
  key: number;
}

describe('an ordered heap', () => {
  it('knows its least member after any puts, moves and deletes', () => {
    const step = fc.record({ id: fc.nat({ max: 15 }), key: fc.nat({ max: 9 }), put: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const compare = (a: Member, b: Member) => a.key - b.key || a.id - b.id;
        const heap = new OrderedHeap<Member>(compare);
        const all = Array.from({ length: 16 }, (_, id): Member => ({ id, key: 0 }));
        const inside = new Set<Member>();
        for (const { id, key, put } of steps) {
          const member = all[id] as Member;
          if (put) {
            member.key = key;
            heap.put(member);
            inside.add(member);
          } else {
            heap.delete(member);
            inside.delete(member);
          }
          expect(heap.size).to.equal(inside.size);
          expect(heap.first).to.equal([...inside].sort(compare)[0]);
        }
      }),
    );
  });
});
