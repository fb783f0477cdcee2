import fs from 'node:fs';
import { join } from 'node:path';
import type { Journal } from '../ports/journal.js';
import type { Log } from '../ports/log.js';
import type { FileCalls } from './file-calls.js';
import { FileJournal } from './file-journal.js';
import type { History } from './history.js';
import { removeLeftover } from './journal-file.js';
import { type Found, readJournal } from './read-journal.js';

export interface JournalOptions {
  /** Made where it is missing, for root alone. The journal is the file `journal` in it; only one process may open it. */
  readonly folder: string;
  /** The kernel's boot id, see {@link readBootId}. */
  readonly bootId: string;
  readonly log?: Log;
  /** `node:fs` unless given. */
  readonly calls?: FileCalls;
}

/** An open journal, and what is known of the time before. */
export interface OpenJournal {
  /** Closing it writes what was only noted, when that can be written. */
  readonly journal: Journal & Disposable;
  readonly history: History;
  /**
   * To be called when all has been done that the history asks for: from then on the journal counts as intact, and what
   * was lost and was not written to it since is forgotten. Never fails; what cannot be written stays as it was.
   */
  accept(): void;
}

/**
 * Opens the journal of this node. It opens whatever the folder and the file are like: what can be read is used, a file
 * that is none of ours is kept under another name, and where nothing can be written every write fails.
 *
 * @throws ForwarderError `exhausted` when this process has no descriptor or memory left to read it with
 */
export function openJournal({ folder, bootId, log, calls = fs }: JournalOptions): OpenJournal {
  const place = { calls, folder, file: join(folder, 'journal'), bootId };
  removeLeftover(place);
  const found = readJournal(place);
  if (log !== undefined) tell(log, found, place.file);
  const journal = new FileJournal(place, found, log);
  return { journal, history: found.history, accept: () => journal.accept() };
}

function tell(log: Log, { history, contents, resumable }: Found, file: string): void {
  const fields = { file, records: contents.records.size, tornBytes: resumable?.torn };
  switch (history.kind) {
    case 'intact':
      log.info('the journal is intact', fields);
      break;
    case 'fresh':
      log.info('there was no journal, a new one begins', fields);
      break;
    case 'voided':
      log.info(`the journal is void, a new one begins: ${history.what}`, fields);
      break;
    case 'damaged':
      log.warn(`the journal is damaged: ${history.what}`, { ...fields, lostKeys: [...history.lost.keys()] });
  }
}
