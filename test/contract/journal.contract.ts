import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import { ForwarderError } from '../../src/ports/error.js';
import type { Journal, JournalChange } from '../../src/ports/journal.js';
import type { JsonObject } from '../../src/ports/json.js';

/** A journal under test, empty at first. */
export interface JournalSubject extends Disposable {
  /** That of the process that runs now. */
  readonly journal: Journal;
  /** The process ends without a word, and its successor opens the journal. */
  restart(): void;
  /** Nothing can be written until the result is disposed. */
  fill(): Disposable;
}

/** What every {@link Journal} does. */
export function journalContract(name: string, create: () => JournalSubject): void {
  describe(`the journal of ${name}`, () => {
    let subject: JournalSubject;
    beforeEach(() => {
      subject = create();
    });
    afterEach(() => subject[Symbol.dispose]());

    const write = (...changes: JournalChange[]) => subject.journal.write(changes);
    const note = (...changes: JournalChange[]) => subject.journal.note(changes);
    const entries = () => [...subject.journal.records()];
    const refused = (...changes: JournalChange[]) => {
      const error = thrownBy(() => write(...changes));
      expect(error).to.be.instanceOf(ForwarderError).and.to.include({ kind: 'exhausted' });
    };

    it('is empty at first', () => {
      expect(entries()).to.deep.equal([]);
    });

    it('has what was written at once, and after any end of the process', () => {
      write({ key: 'a', value: { step: 'move' } });
      expect(entries()).to.deep.equal([['a', { step: 'move' }]]);
      subject.restart();
      expect(entries()).to.deep.equal([['a', { step: 'move' }]]);
    });

    it('makes the changes of one write in order, the last of a key counts', () => {
      write({ key: 'a', value: { n: 1 } }, { key: 'b', value: { n: 2 } }, { key: 'a' }, { key: 'b', value: { n: 3 } });
      expect(entries()).to.deep.equal([['b', { n: 3 }]]);
      subject.restart();
      expect(entries()).to.deep.equal([['b', { n: 3 }]]);
    });

    it('keeps each key where it was first written, and puts one that was erased at the end', () => {
      write(...['a', 'b', 'c'].map((key) => ({ key, value: {} })));
      write({ key: 'a', value: { n: 1 } });
      write({ key: 'b' });
      note({ key: 'b', value: { n: 2 } });
      const expected = [
        ['a', { n: 1 }],
        ['c', {}],
        ['b', { n: 2 }],
      ];
      expect(entries()).to.deep.equal(expected);
      subject.restart();
      expect(entries()).to.deep.equal(expected);
    });

    it('takes what is already there, or not, as it is: a change twice is a change', () => {
      write({ key: 'a' });
      write({ key: 'a', value: {} });
      write({ key: 'a', value: {} });
      write();
      note();
      expect(entries()).to.deep.equal([['a', {}]]);
    });

    it('hands out its records as they are now: later changes are not in them', () => {
      write({ key: 'a', value: { n: 1 } });
      const before = subject.journal.records();
      write({ key: 'a', value: { n: 2 } }, { key: 'b', value: {} });
      note({ key: 'a' });
      expect([...before]).to.deep.equal([['a', { n: 1 }]]);
    });

    it('takes any key and any JSON', () => {
      const odd = ['', '__proto__', 'line\nend', '\u2028', '\ud800', '0', 'ключ', '\0'];
      for (const key of odd) write({ key, value: { [key]: [key, null, true, 1.5e300, { deep: [[]] }] } });
      const expected = odd.map((key) => [key, { [key]: [key, null, true, 1.5e300, { deep: [[]] }] }]);
      subject.restart();
      expect(entries()).to.deep.equal(expected);
    });

    it('refuses a write as exhausted when it cannot be written, and nothing has changed', () => {
      write({ key: 'a', value: { n: 1 } });
      {
        using _ = subject.fill();
        refused({ key: 'a', value: { n: 2 } }, { key: 'b', value: {} });
        refused({ key: 'a' });
        expect(entries()).to.deep.equal([['a', { n: 1 }]]);
        subject.restart();
        expect(entries()).to.deep.equal([['a', { n: 1 }]]);
      }
      write({ key: 'c', value: {} });
      subject.restart();
      expect(entries()).to.deep.equal([
        ['a', { n: 1 }],
        ['c', {}],
      ]);
    });

    it('keeps what is noted when it cannot be written, for this process, and writes it before anything else', () => {
      write({ key: 'a', value: {} });
      {
        using _ = subject.fill();
        note({ key: 'b', value: {} }, { key: 'a' });
        note({ key: 'a', value: { again: true } });
        refused({ key: 'c', value: {} });
        expect(entries()).to.deep.equal([
          ['b', {}],
          ['a', { again: true }],
        ]);
      }
      write({ key: 'd', value: {} });
      const expected = [
        ['b', {}],
        ['a', { again: true }],
        ['d', {}],
      ];
      expect(entries()).to.deep.equal(expected);
      subject.restart();
      expect(entries()).to.deep.equal(expected);
    });

    it('has what is noted for soon at once, on record when the turn is over or anything else is written', async () => {
      subject.journal.note([{ key: 'a', value: {} }], 'soon');
      expect(entries()).to.deep.equal([['a', {}]]);
      await nextTurn();
      subject.restart();
      expect(entries()).to.deep.equal([['a', {}]]);
      subject.journal.note([{ key: 'a' }], 'soon');
      write({ key: 'b', value: {} });
      subject.restart();
      expect(entries()).to.deep.equal([['b', {}]]);
    });

    it('lets a note bring down the ones before it', () => {
      {
        using _ = subject.fill();
        note({ key: 'a', value: {} });
      }
      note({ key: 'b', value: {} });
      subject.restart();
      expect(entries().map(([key]) => key)).to.deep.equal(['a', 'b']);
    });

    it('forgets with its process what was noted and could not be written', () => {
      write({ key: 'a', value: {} });
      using _ = subject.fill();
      note({ key: 'a' });
      subject.restart();
      expect(entries()).to.deep.equal([['a', {}]]);
    });

    it('keeps thousands of changes of few records', () => {
      for (let n = 0; n < 5000; n += 1) {
        write({ key: `${n % 7}`, value: { n } });
        if (n % 3 === 0) note({ key: `${(n + 3) % 7}` });
      }
      const expected = entries();
      subject.restart();
      expect(entries()).to.deep.equal(expected);
    });

    it('is at any time what a map would be', () => {
      fc.assert(
        fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
          subject[Symbol.dispose]();
          subject = create();
          runAgainstMap(subject, actions);
        }),
        { numRuns: 60 },
      );
    });
  });
}

const change: fc.Arbitrary<JournalChange> = fc
  .tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }))))
  .map(([key, value]) => (value === null ? { key } : { key, value: value as JsonObject }));

type Action =
  | { readonly kind: 'write' | 'note'; readonly changes: readonly JournalChange[] }
  | { readonly kind: 'fill' | 'free' | 'restart' };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('write', 'note'), changes: fc.array(change) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('fill', 'free', 'restart') }) },
);

function runAgainstMap(subject: JournalSubject, actions: readonly Action[]): void {
  using model = new Model(subject);
  for (const each of actions) {
    model.run(each);
    const texts = [...subject.journal.records()].map(([key, value]) => [key, JSON.stringify(value)]);
    expect(texts).to.deep.equal([...model.known]);
  }
}

/** What a process must see, and what its successor must. */
class Model implements Disposable {
  known = new Map<string, string>();
  readonly #subject: JournalSubject;
  #safe = new Map<string, string>();
  #full: Disposable | undefined;

  constructor(subject: JournalSubject) {
    this.#subject = subject;
  }

  run(action: Action): void {
    switch (action.kind) {
      case 'fill':
        this.#full ??= this.#subject.fill();
        break;
      case 'free':
        this[Symbol.dispose]();
        break;
      case 'restart':
        this.#subject.restart();
        this.known = new Map(this.#safe);
        break;
      case 'write':
      case 'note':
        this.#change(action.kind, action.changes);
    }
  }

  #change(kind: 'write' | 'note', changes: readonly JournalChange[]): void {
    const error = thrownBy(() => this.#subject.journal[kind](changes));
    const allowed = kind === 'write' && this.#full !== undefined;
    if (error !== undefined && !allowed) throw error;
    if (error === undefined) apply(this.known, changes);
    if (this.#full === undefined) this.#safe = new Map(this.known);
  }

  [Symbol.dispose](): void {
    this.#full?.[Symbol.dispose]();
    this.#full = undefined;
  }
}

function apply(map: Map<string, string>, changes: readonly JournalChange[]): void {
  for (const { key, value } of changes) {
    if (value === undefined) map.delete(key);
    else map.set(key, JSON.stringify(value));
  }
}

function thrownBy(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
