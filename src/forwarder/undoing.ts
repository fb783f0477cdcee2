import type { Entry, Inverses } from '../ledger/entry.js';
import type { Attempt } from '../ledger/ledger.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import { closeMs } from './elements/connect-onward.js';

/** How long one step may take to be undone. Moves wait for everybody else's moves; a next hop that is gone is gone. */
const deadlineMs: Readonly<Record<string, number>> = { onward: closeMs };
const usualDeadlineMs = 30_000;

/** Runs the inverse of an entry's kind under a deadline of its own: the request that is taken back has none left. */
export function undoAttempt(inverses: Inverses, clock: Clock): Attempt {
  return async (entry: Entry) => {
    const inverse = inverses[entry.kind];
    if (inverse === undefined)
      throw new ForwarderError('unknown', `no inverse is known for a step of kind ${entry.kind}`);
    using deadline = clock.deadline(`undoing ${entry.kind}`, deadlineMs[entry.kind] ?? usualDeadlineMs);
    await inverse(entry, deadline.signal);
  };
}
