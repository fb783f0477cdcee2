/**
 * What the journal costs: a record of some 600 bytes written, noted and erased, all changes of a Request and its Close,
 * and a journal of 10,000 records opened and written anew. `raw write` is one write(2) of as many bytes to the same
 * disk, without anything else. Compiled code is a little faster than what tsx makes of it.
 *
 * Run: node --expose-gc --import tsx bench/journal.bench.ts [folder to write in]
 */
import { mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJournal } from '../src/journal/open-journal.js';
import type { Journal } from '../src/ports/journal.js';
import type { JsonObject } from '../src/ports/json.js';
import { heapInUse, measure, printTable, type Round } from './measure.js';

const kinds = ['write', 'note', 'erase', 'raw write', 'Request and Close'] as const;
const bootId = 'bench';
const operations = 50;
const rounds = 100;
const many = 10_000;

/** Like an entry of the forwarder. */
function recordOf(id: number, length: number): JsonObject {
  const netdev = { name: 'ens1f0v3', index: 17, mac: '02:00:00:00:00:17', mtu: 1500, parent: '0000:3b:02.3' };
  const bare = {
    id,
    connection: '5f0e4a6e-0f66-4a3c-9d0f-3a3b8f0e6a55',
    kind: 'move',
    state: 'begun',
    args: { netdev },
  };
  return { ...bare, padding: 'x'.repeat(Math.max(0, length - JSON.stringify(bare).length - 13)) };
}

const records = Array.from({ length: many }, (_, id) => recordOf(id, 600));
const entries = Array.from({ length: 10 }, (_, id) => recordOf(id, 300));
const connection = recordOf(0, 1_200);

/** What a connection with a KERNEL mechanism writes in its life: 10 steps, begun, done, some amended, and undone. */
function runPair(journal: Journal): void {
  entries.forEach((value, id) => {
    journal.write([{ key: `pair/${id}`, value }]);
    journal.note([{ key: `pair/${id}`, value }]);
    if (id < 4) journal.note([{ key: `pair/${id}`, value }]);
  });
  journal.write([{ key: 'connection', value: connection }]);
  journal.note([{ key: 'connection' }]);
  entries.forEach((_, id) => void journal.note([{ key: `pair/${id}` }]));
}

/** Writes records and erases them again, beside a thousand that stay. */
function createSubject(folder: string): Round<(typeof kinds)[number]> {
  const { journal } = openJournal({ folder, bootId });
  const some = records.slice(0, operations);
  for (const [id, value] of records.slice(0, 1_000).entries()) journal.write([{ key: `stays/${id}`, value }]);
  const raw = openSync(join(folder, 'raw'), 'a', 0o600);
  const bytes = Buffer.alloc(760, 'x');
  return (time) => {
    time('write', () => some.forEach((value, id) => void journal.write([{ key: `entry/${id}`, value }])));
    time('note', () => some.forEach((value, id) => void journal.note([{ key: `entry/${id}`, value }])));
    time('erase', () => some.forEach((_, id) => void journal.note([{ key: `entry/${id}` }])));
    time('raw write', () => some.forEach(() => void writeSync(raw, bytes)));
    time('Request and Close', () => some.forEach(() => void runPair(journal)));
  };
}

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** A journal of many records: how long the first opening takes, and a later one; and what it takes on disk and heap. */
function benchMany(folder: string): string[] {
  const { journal } = openJournal({ folder, bootId });
  for (const [id, value] of records.entries()) journal.write([{ key: `entry/${id}`, value }]);
  journal[Symbol.dispose]();
  const open = () => openJournal({ folder, bootId });
  const times = Array.from({ length: 9 }, () => milliseconds(() => open().journal[Symbol.dispose]()));
  const before = heapInUse();
  const opened = open();
  const heap = heapInUse() - before;
  const anew = milliseconds(() => opened.accept());
  const count = opened.journal.records().size;
  opened.journal[Symbol.dispose]();
  const parsing = milliseconds(() => void records.map((value) => JSON.parse(JSON.stringify(value)) as JsonObject));
  const [first = 0, ...later] = times;
  const median = later.sort((a, b) => a - b)[later.length >> 1] ?? 0;
  const size = statSync(join(folder, 'journal')).size;
  const inMs = [first, median, anew, parsing].map((ms) => `${ms.toFixed(0)} ms`);
  return [`${count}`, `${(size / 1e6).toFixed(1)} MB`, ...inMs, `${(heap / 1e6).toFixed(1)} MB`];
}

const [, , parent = tmpdir()] = process.argv;
const folder = mkdtempSync(join(parent, 'journal-bench-'));
try {
  console.log('a journal of many records; `JSON` is to write and read as much of it as it stands:\n');
  printTable(['records', 'file', 'first open', 'open', 'anew', 'JSON', 'heap'], [benchMany(join(folder, 'many'))]);
  const [costs] = measure({ kinds, rounds, operations }, [createSubject(join(folder, 'small'))]);
  const microseconds = (nanoseconds = Number.NaN) => `${(nanoseconds / 1000).toFixed(1)} us`;
  console.log('\none record of 600 bytes, with 1000 others there:\n');
  printTable(
    ['call', 'median', 'p99'],
    kinds.map((kind) => [kind, microseconds(costs?.[kind].median), microseconds(costs?.[kind].worst)]),
  );
} finally {
  rmSync(folder, { recursive: true });
}
