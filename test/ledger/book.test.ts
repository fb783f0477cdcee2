import { expect } from 'chai';
import { Book } from '../../src/ledger/book.js';
import type { Entry, EntryId } from '../../src/ledger/entry.js';
import { memoryJournal } from './memory-journal.js';

function entry(id: EntryId, more: Partial<Entry> = {}): Entry {
  return { id, connection: 'c', kind: 'step', args: {}, state: 'begun', ...more };
}

/** A journal with a book over it, and a look at what a later process would read. */
function opened() {
  const journal = memoryJournal();
  const later = () => [...new Book(journal).byConnection()].map(([id, entries]) => [id, entries.map((it) => it.id)]);
  return { journal, book: new Book(journal), later };
}

describe('Book', () => {
  it('gives a later process the entries of each connection, oldest first, with all that is known of them', () => {
    const { journal, book, later } = opened();
    const ids = [1, 2, 3].map(() => book.nextId());
    for (const id of [...ids].reverse()) book.begin(entry(id, { connection: id === 2 ? 'b' : 'a' }));
    book.change(entry(ids[2] as EntryId, { connection: 'a', state: 'done', args: { index: 7 } }));
    expect(later()).to.deep.equal([
      ['a', [1, 3]],
      ['b', [2]],
    ]);
    expect(new Book(journal).byConnection().get('a')?.[1]).to.deep.include({ state: 'done', args: { index: 7 } });
  });

  it('goes on counting where the journal ends', () => {
    const { journal, book } = opened();
    for (const _ of [1, 2, 3]) book.begin(entry(book.nextId()));
    expect(new Book(journal).nextId()).to.equal(4);
  });

  it('erases with an entry all that it covers, also what a former process wrote', () => {
    const { journal, book, later } = opened();
    const [moved, address, rule] = [book.nextId(), book.nextId(), book.nextId()];
    book.begin(entry(moved));
    book.begin(entry(address, { coveredBy: moved }));
    book.begin(entry(rule));
    new Book(journal).erase(entry(moved));
    expect(later()).to.deep.equal([['c', [rule]]]);
  });

  it('erases an entry that another one covers by itself', () => {
    const { book, later } = opened();
    const [moved, address] = [book.nextId(), book.nextId()];
    book.begin(entry(moved));
    book.begin(entry(address, { coveredBy: moved }));
    book.erase(entry(address, { coveredBy: moved }));
    expect(later()).to.deep.equal([['c', [moved]]]);
    book.erase(entry(moved));
    expect(later()).to.deep.equal([]);
  });

  it('leaves alone what others have in the journal', () => {
    const { journal, book, later } = opened();
    journal.write([{ key: 'connection/x', value: { id: 9 } }]);
    book.begin(entry(book.nextId()));
    expect(later()).to.deep.equal([['c', [1]]]);
    expect(journal.records().has('connection/x')).to.equal(true);
  });
});
