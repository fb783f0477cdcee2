/** Counts up in the journal of a folder, two records a number, and writes each number to a file when it is on record. */
import { openSync, writeSync } from 'node:fs';
import { openJournal } from '../../src/journal/open-journal.js';

const [, , folder = '', bootId = '', said = ''] = process.argv;
const fd = openSync(said, 'a');
const { journal, accept } = openJournal({ folder, bootId });
accept();
const newest = journal.records().get('newest') as { n: number } | undefined;
for (let n = (newest?.n ?? -1) + 1; ; n += 1) {
  journal.write([
    { key: 'newest', value: { n } },
    { key: `entry/${n % 50}`, value: { n } },
  ]);
  writeSync(fd, `${n}\n`);
}
