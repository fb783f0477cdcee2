import { expect } from 'chai';
import fc from 'fast-check';
import { Absences, FIRST_LISTING_MS } from '../../src/deviceplugin/absences.js';
import type { CheckpointAccount } from '../../src/deviceplugin/checkpoint-account.js';

/** One answer of kubelet `k` (0 at first): held ids, listed ids, at a time in milliseconds. */
function answer(absences: Absences, held: string[], listed: string[], more: More = {}) {
  const { now = 0, kubelet = 'first', checkpoint = 'unreadable' } = more;
  return absences.observe({ kubelet, now, held: new Set(held), listed: new Set(listed), checkpoint });
}

interface More {
  readonly now?: number;
  readonly kubelet?: string;
  readonly checkpoint?: CheckpointAccount;
}

describe('judging which tokens kubelet has taken back', () => {
  it('keeps an id that was missed once', () => {
    const absences = new Absences();
    answer(absences, ['a'], ['a']);
    expect(answer(absences, ['a'], [])).to.deep.equal([]);
  });

  it('gives back an id that two answers in a row missed, once', () => {
    const absences = new Absences();
    answer(absences, ['a', 'b'], ['a', 'b']);
    answer(absences, ['a', 'b'], ['b']);
    expect(answer(absences, ['a', 'b'], ['b'])).to.deep.equal(['a']);
    expect(answer(absences, ['b'], ['b'])).to.deep.equal([]);
  });

  it('begins to count again when the id is listed in between', () => {
    const absences = new Absences();
    answer(absences, ['a'], ['a']);
    answer(absences, ['a'], []);
    answer(absences, ['a'], ['a']);
    expect(answer(absences, ['a'], [])).to.deep.equal([]);
  });

  it('waits a minute for an id that was never listed', () => {
    const absences = new Absences();
    for (let n = 0; n < 5; n++) expect(answer(absences, ['a'], [], { now: n * 10_000 })).to.deep.equal([]);
    expect(answer(absences, ['a'], [], { now: FIRST_LISTING_MS })).to.deep.equal(['a']);
  });

  it('gives back an id that was never listed as soon as kubelet’s checkpoint does not have it either', () => {
    const absences = new Absences();
    answer(absences, ['a', 'b'], [], { checkpoint: 'stale' });
    expect(answer(absences, ['a', 'b'], [], { checkpoint: new Set(['b']) })).to.deep.equal(['a']);
  });

  it('keeps for as long as need be what kubelet’s checkpoint has, or may have', () => {
    const absences = new Absences();
    for (let n = 1; n < 9; n++) {
      const checkpoint = n % 2 === 0 ? new Set(['a']) : 'stale';
      expect(answer(absences, ['a'], [], { now: n * FIRST_LISTING_MS, checkpoint })).to.deep.equal([]);
    }
  });

  it('needs no checkpoint for an id that this kubelet has listed', () => {
    const absences = new Absences();
    const seen = (listed: string[], kubelet = 'first') => ({ kubelet, held: new Set(['a']), listed: new Set(listed) });
    expect(absences.doubts(seen([]))).to.equal(true);
    answer(absences, ['a'], ['a']);
    expect(absences.doubts(seen([]))).to.equal(false);
    expect(absences.doubts(seen([], 'second'))).to.equal(true);
    expect(absences.doubts(seen(['a'], 'second'))).to.equal(false);
  });

  it('does not believe the empty answers of a kubelet that has just started', () => {
    const absences = new Absences();
    answer(absences, ['a'], ['a']);
    for (let n = 0; n < 5; n++) expect(answer(absences, ['a'], [], { kubelet: 'second', now: n })).to.deep.equal([]);
    expect(answer(absences, ['a'], ['a'], { kubelet: 'second', now: 9 })).to.deep.equal([]);
    answer(absences, ['a'], [], { kubelet: 'second', now: 10 });
    expect(answer(absences, ['a'], [], { kubelet: 'second', now: 11 })).to.deep.equal(['a']);
  });

  it('forgets what it saw about an id that is given out again', () => {
    const absences = new Absences();
    answer(absences, ['a'], ['a']);
    answer(absences, ['a'], []);
    absences.forget('a');
    expect(answer(absences, ['a'], [])).to.deep.equal([]);
    expect(answer(absences, ['a'], [])).to.deep.equal([]);
  });

  it('never gives back an id that one of the last two answers listed', () => {
    const ids = ['a', 'b', 'c'];
    const step = fc.record({ listed: fc.subarray(ids), kubelet: fc.constantFrom('x', 'y'), wait: fc.nat(90_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const absences = new Absences();
        let now = 0;
        let before: readonly string[] = ids;
        for (const { listed, kubelet, wait } of steps) {
          now += wait;
          const back = answer(absences, ids, listed, { kubelet, now });
          for (const id of back) expect([...before, ...listed]).to.not.include(id);
          before = listed;
        }
      }),
    );
  });
});
