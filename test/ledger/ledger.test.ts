import { expect } from 'chai';
import fc from 'fast-check';
import { Book } from '../../src/ledger/book.js';
import type { Entry } from '../../src/ledger/entry.js';
import { Ledger, type Unwound } from '../../src/ledger/ledger.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { memoryJournal } from './memory-journal.js';

const vf = parsePciAddress('0000:01:10.0');
const otherVf = parsePciAddress('0000:01:10.2');

/** A ledger whose inverses write down what they undo; kinds in `broken` fail. */
function recordingLedger(broken: ReadonlySet<string> = new Set()) {
  const undone: string[] = [];
  const admitted: Unwound['owed'][] = [];
  const journal = memoryJournal();
  const ledger = new Ledger('connection', {
    book: new Book(journal),
    attempt: async (entry: Entry) => {
      if (broken.has(entry.kind)) throw new ForwarderError('busy', 'held by somebody');
      undone.push(entry.kind);
    },
    admit: (owed) => admitted.push(owed),
  });
  const step = (kind: string, more: Partial<Entry> = {}) =>
    ledger.perform({ kind, args: {}, ...more }, (id) => Promise.resolve(id));
  return { ledger, step, undone, admitted, journal };
}

describe('Ledger', () => {
  it('undoes everything, newest first', async () => {
    const { ledger, step, undone } = recordingLedger();
    await step('a');
    await step('b');
    await step('c');
    const { failures } = await ledger.unwind();
    expect(undone).to.deep.equal(['c', 'b', 'a']);
    expect(failures).to.be.empty;
    expect(ledger.entries()).to.be.empty;
  });

  it('undoes only what came after a mark', async () => {
    const { ledger, step, undone } = recordingLedger();
    await step('established');
    const mark = ledger.mark();
    await step('refreshed');
    await ledger.unwind(mark);
    expect(undone).to.deep.equal(['refreshed']);
    expect(ledger.entries().map((entry) => entry.kind)).to.deep.equal(['established']);
  });

  it('has a step on record before its effect begins, and as done after it', async () => {
    const { ledger } = recordingLedger();
    await ledger.perform({ kind: 'a', args: {} }, async () => {
      expect(ledger.entries().map(({ kind, state }) => [kind, state])).to.deep.equal([['a', 'begun']]);
    });
    expect(ledger.entries()[0]?.state).to.equal('done');
  });

  it('keeps a step whose effect failed, because half of it may have happened', async () => {
    const { ledger, undone } = recordingLedger();
    const failing = ledger.perform({ kind: 'half', args: {} }, () => Promise.reject(new Error('no')));
    expect(await failing.catch(String)).to.equal('Error: no');
    await ledger.unwind();
    expect(undone).to.deep.equal(['half']);
  });

  it('B19, L5: goes on with the others when an inverse fails, but older steps of the same VF wait', async () => {
    const { ledger, step, undone, admitted } = recordingLedger(new Set(['moved']));
    await step('onward');
    await step('claimed', { function: vf });
    await step('other', { function: otherVf });
    await step('moved', { function: vf });
    const { failures, owed } = await ledger.unwind();
    expect(undone).to.deep.equal(['other', 'onward']);
    expect(failures.map((failure) => failure.message)).to.deep.equal(['could not undo moved: held by somebody']);
    expect(owed.get(vf)?.map(({ entry }) => entry.kind)).to.deep.equal(['moved', 'claimed']);
    expect(admitted).to.deep.equal([owed]);
  });

  it('reports the failure of a step that concerns no VF, and owes nothing for it', async () => {
    const { ledger, step } = recordingLedger(new Set(['onward']));
    await step('onward');
    const { failures, owed } = await ledger.unwind();
    expect(failures).to.have.length(1);
    expect(owed.size).to.equal(0);
  });

  it('skips what an older entry covers when both are unwound', async () => {
    const { ledger, step, undone } = recordingLedger();
    const moved = await step('moved');
    await step('address', { coveredBy: moved });
    await ledger.unwind();
    expect(undone).to.deep.equal(['moved']);
  });

  it('undoes a covered entry on its own when the older one stays', async () => {
    const { ledger, step, undone } = recordingLedger();
    const moved = await step('moved');
    const mark = ledger.mark();
    await step('address', { coveredBy: moved });
    await ledger.unwind(mark);
    expect(undone).to.deep.equal(['address']);
  });

  it('settling forgets what is covered, so that refreshes do not make it grow', async () => {
    const { ledger, step } = recordingLedger();
    const moved = await step('moved');
    for (let i = 0; i < 100; i += 1) {
      await step('address', { coveredBy: moved });
      ledger.settle();
    }
    expect(ledger.entries().map((entry) => entry.kind)).to.deep.equal(['moved']);
  });

  it('unwinding twice undoes nothing twice', async () => {
    const { ledger, step, undone } = recordingLedger();
    await step('a');
    await ledger.unwind();
    await ledger.unwind();
    expect(undone).to.deep.equal(['a']);
  });

  it('releases entries ahead of their turn and keeps the order of the rest', async () => {
    const { ledger, step, undone } = recordingLedger();
    await step('claimed', { function: vf });
    await step('moved', { function: vf });
    await step('onward');
    await ledger.release((entry) => entry.kind === 'moved');
    expect(undone).to.deep.equal(['moved']);
    await ledger.unwind();
    expect(undone).to.deep.equal(['moved', 'onward', 'claimed']);
  });

  it('whatever fails: every entry is undone, reported or owed, exactly once', async () => {
    const entryArbitrary = fc.record({
      kind: fc.constantFrom('a', 'b', 'c'),
      function: fc.constantFrom(undefined, vf, otherVf),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entryArbitrary), fc.subarray(['a', 'b', 'c']), async (steps, broken) => {
        const { ledger, step, undone } = recordingLedger(new Set(broken));
        for (const { kind, function: address } of steps) await step(kind, address && { function: address });
        const { failures, owed } = await ledger.unwind();
        const owedEntries = [...owed.values()].flat();
        const reportedOnly = failures.filter((failure) => failure.details['function'] === undefined);
        expect(undone.length + owedEntries.length + reportedOnly.length).to.equal(steps.length);
        for (const of of owed.values()) expect(of[0]?.failure, 'the newest owed entry says why').to.exist;
      }),
    );
  });
});
