import { type OpenJournal, openJournal } from '../../src/journal/open-journal.js';
import type { Log } from '../../src/ports/log.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { type Meddle, ProcessCalls } from './process-calls.js';

export const thisBoot = '0ef8da22-c3a4-46c5-9721-afed42d03a6d';

export interface Run extends OpenJournal {
  readonly process: ProcessCalls;
  /** Lines of its log, `level message {fields}`. */
  readonly lines: readonly string[];
  /** The records by key. */
  records(): Readonly<Record<string, unknown>>;
}

/** Starts a process that opens the journal in a folder. */
export function start(folder: string, meddle?: Meddle, bootId = thisBoot): Run {
  const process = new ProcessCalls();
  if (meddle !== undefined) process.meddle = meddle;
  const log = new RecordedLog();
  const opened = openJournal({ folder, bootId, log: log as Log, calls: process.calls });
  const records = () => Object.fromEntries(opened.journal.records());
  return { ...opened, process, lines: log.lines, records };
}
