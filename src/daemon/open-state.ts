import { readBootId } from '../journal/boot-id.js';
import { lockFolder } from '../journal/lock-folder.js';
import { openJournal } from '../journal/open-journal.js';
import type { Clock } from '../ports/clock.js';
import type { Journal } from '../ports/journal.js';
import type { Log } from '../ports/log.js';
import type { Teardown } from './teardown.js';

/** How long a successor waits for the process before it: kubelet gives that one 30 s to end. */
const patienceMs = 60_000;

/** What this node's forwarders keep for each other. */
export interface State {
  readonly journal: Journal;
  /** False when the journal has lost some of what former processes wrote. */
  readonly recordsComplete: boolean;
  /** In a word, for the report of the start. */
  readonly history: string;
  /** To be called when everything that was on record has been taken over. */
  accept(): void;
}

/**
 * Makes this process the one that may touch VFs, kubelet and the registry, and opens what former ones have left.
 *
 * @throws ForwarderError `busy` when another forwarder does not end in time
 */
export async function openState(
  parts: { readonly folder: string; readonly clock: Clock; readonly log: Log },
  teardown: Teardown,
  signal: AbortSignal,
): Promise<State> {
  const { folder, clock, log } = parts;
  const lock = await lockFolder(folder, { clock, log, signal, patienceMs });
  teardown.add('lock of the state folder', async () => lock[Symbol.dispose]());
  const { journal, history, accept } = openJournal({ folder, bootId: readBootId(), log });
  teardown.add('journal', async () => journal[Symbol.dispose]());
  // What may have changed since is looked at once more: undoing looks at the world first, so too much of it does no harm.
  const doubtful = history.kind === 'damaged' ? [...history.lost] : [];
  journal.note(doubtful.flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }])));
  return { journal, history: history.kind, recordsComplete: history.kind !== 'damaged', accept };
}
